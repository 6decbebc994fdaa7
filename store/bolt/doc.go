// Package bolt is the store in one file, which is Sesame's default.
//
// It promises that a commit is on the disk when Commit returns: whole, or not
// at all. Commits that are made at once share one write to the disk, so that
// two hundred cost little more than one, and one that comes alone waits for
// nobody; what is wrong with one of them is not the others' loss. Opening
// reads a few pages, however long the history is. Reads see the store as it
// was at one moment and never wait for writers.
//
// It promises room for ends. The file is kept larger than what is in it by a
// reserve, zeros that are written and not merely allowed for, which only
// commits marked as Ending may fill. When the disk is full, others fail with
// access.ErrNoSpace before anything was written, and work again once there is
// room; the default reserve takes at least a thousand grants to their receipt.
// (On file systems that copy on write, such as Btrfs and ZFS, nobody can
// promise that.)
//
// It refuses to open a directory that a newer Sesame wrote, a store that is in
// use, and a file that is missing, cut short or damaged, each with a sentence
// that says what to do. It does not look for damage in the whole of a file,
// which would take long: damage is found where it is read, and is an error
// there, access.ErrBroken, not the end of the process.
//
// The directory holds
//
//	sesame.db   the store, a bbolt file
//	FORMAT      the number of the layout, for programs that cannot read it
//	owner       who has the store open, for people
//
// and the file these buckets, where <s> is a string with an end mark that keeps
// the order of strings, and n64 a number in eight bytes:
//
//	meta        "format" -> decimal; "state" -> version64 pos64 notice64 epoch64
//	records     <kind> id -> version64, index entries, data
//	index       <name> <value> <kind> id -> nothing
//	events      pos64 -> the event as JSON
//	streams     <request> seq64 -> pos64
package bolt
