//! AIoD metadata in other formats: pure functions from a resource as it is read to a document of that format.
