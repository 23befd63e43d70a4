//! Has the server compiled anew when a migration or an example is added: macros take these files in, and cargo does not see new ones.

fn main() {
    for folder in ["../migrations", "examples"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
