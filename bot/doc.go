// Package bot is Slack's way in: it turns commands, forms and clicks into verbs
// of the Desk, and what the Desk says into words for the person.
//
//	envelope --parse--> decision? --store--> ack --> Desk --> answer --> delete
//	                       | no
//	                       v
//	                      ack --> form, list, help, home
//
// It promises that
//   - what carries a decision (a complete command, a submitted form, a click)
//     is stored as it was received before Slack hears that it arrived, and is
//     dealt with after a restart if it was not before;
//   - however often and however late a delivery comes, it counts once: what is
//     asked has an id made from the delivery, and the Desk settles the rest. It
//     refuses to give access for what was received a quarter of an hour ago;
//   - nothing in a payload is believed but who sent it and which request it
//     names: everything else is read from the store, or decided by the Desk;
//   - a line never breaks glass: it opens a form, which wants the target's name
//     typed once more;
//   - nobody waits for Slack but the answer itself: an acknowledgement needs
//     the store alone, and a form's errors need memory alone.
//
// A person sees either a refusal's sentence or that something went wrong, with
// a number that stands in the log. It refuses to decide anything, and to show
// targets to whom Sesame does not know.
package bot
