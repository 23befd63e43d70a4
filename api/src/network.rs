//! Addresses of callers, and which of them count as one.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// How many bits of an IPv6 address its owner chooses freely.
const HOST_BITS: u32 = 64;

/// The address by which a caller is counted. Whoever has an IPv6 address has a whole network of 64 bits, so this counts as one; an IPv4
/// address that is written as an IPv6 one is an IPv4 address.
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> HOST_BITS << HOST_BITS)),
        address => address,
    }
}

/// An address as proxies write it: by itself, with a port, an IPv6 one in brackets.
pub fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = || text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).parse();
    text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| bare()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        let texts = ["192.0.2.1", " 192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "\"[2001:db8::1]:4711\"", "::ffff:192.0.2.1"];
        let expected = ["192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::1", "2001:db8::1", "::ffff:192.0.2.1"];
        assert_eq!(texts.map(|text| parse(text).unwrap().to_string()), expected);
        for none in ["", "unknown", "_hidden", "192.0.2", "[2001:db8::1", "192.0.2.1:port"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_network_counts_as_one_caller() {
        let counted = |text| counted(parse(text).unwrap()).to_string();
        assert_eq!(counted("2001:db8:0:1:ffff::1"), counted("2001:db8:0:1::2"));
        assert_ne!(counted("2001:db8:0:1::1"), counted("2001:db8:0:2::1"));
        assert_eq!(counted("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }
}
