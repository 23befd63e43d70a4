//! How large a body is.

/// How many bytes a value has as JSON.
pub(super) fn json_size(value: &impl serde::Serialize) -> usize {
    /// Counts what is written.
    struct Size(usize);

    impl std::io::Write for Size {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut size = Size(0);
    // What has no form as JSON has no size either; values always have one.
    serde_json::to_writer(&mut size, value).map_or(0, |()| size.0)
}
