//! One YAML file; every fault is reported at once, with its key, its line and how to mend it.
