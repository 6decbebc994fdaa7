package catalog

// Version is what the catalog was made from.
func Version() string { return whole().version }
