// Package archive is what becomes of recordings: who may see them, that it is
// known who did, for how long they are kept, and that none is missing.
//
//	begun ──> stood … stood ──> ended ──> viewed … viewed ──> removed
//
// Each of these is an event of the request that the session belongs to, and
// with that in the chain that checkpoints sign. The events carry what the files
// have to be: how far a recording was, and the digest of its manifest.
//
// It promises that a view is in the record before anything is shown, under the
// name of who looks; that who may look is asked anew for each page of it; that a
// removal is in the record before the keys are destroyed, the keys before the
// files, and that all of it is finished after a crash. Verify compares the files
// with what the events say, and needs neither keys nor a server.
//
// Who may see what:
//
//	                    that there is one    what was shown    what was typed
//	auditors            yes                  yes               no
//	the holder          their own            their own         no
//	watch of the flow   yes                  yes               no
//	keystrokes          yes                  no                with a reason
//	admins              yes                  no                no
//
// It refuses everybody else, and whoever the chat or the directory no longer
// vouches for. It removes nothing that is open, and nothing but by rule.
package archive
