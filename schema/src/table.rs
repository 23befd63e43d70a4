//! Tables of constants.

/// Declares constants of one type, and a table of all of them in their order, so that none is listed twice.
macro_rules! table {
    ($(#[$about:meta])* $table:ident: [$row:ty] = { $($(#[$doc:meta])* $name:ident = $value:expr;)+ }) => {
        $(
            $(#[$doc])*
            #[doc = concat!("A row of [`", stringify!($table), "`].")]
            pub const $name: $row = $value;
        )+

        $(#[$about])*
        pub static $table: &[$row] = &[$($name),+];

        /// What the constants are called, for the test that they are called as what they hold.
        #[cfg(test)]
        const CONSTANTS: &[&str] = &[$(stringify!($name)),+];
    };
}
