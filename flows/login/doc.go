// Package login lets people speak for themselves from a terminal: a code that
// a terminal shows is typed into the chat, by somebody whom the chat vouches
// for, and a key that the terminal made speaks for them from then on.
//
// It promises that a login is bound to one key, of which only the public half
// is known here; that it ends by itself, when its holder says so, and when an
// admin does; that a code is good for five minutes and one login, is compared
// in constant time, and can be guessed at three times; and that each login and
// each end of one is an event in the record.
//
// It refuses to ask anybody to confirm what they did not ask about: whoever
// holds a code can have it typed by somebody else, so that the person is shown
// where it comes from, and nothing is shown to those who typed nothing. What a
// login may do is not its business: the Desk asks who is behind the account,
// as for whoever comes by the chat.
package login
