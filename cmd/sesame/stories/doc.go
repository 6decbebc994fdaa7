// Package stories is the second rig for the stories of testdata/scenarios, and
// has no code but its tests: the files that flows/scenario plays in memory run
// here on everything that is shipped.
//
//	people --> slacktest --WebSocket, HTTP--> server --SDK over HTTP--> awstest
//	                                            |
//	                                        store file
//
// The server is the one that serve runs, with its own pace, limits and store;
// only the clock is the story's. It stands still while anything in the process
// runs, and then goes to what is due next: no test sleeps, and none is timed.
//
// What people are shown, are told and hold is read from the stand-ins, which
// are held to no code of ours. A random test plays many histories, and compares
// what AWS is left with to what was recorded.
package stories
