// Package outbox tells people: it drains the notices that the Desk and the
// Keeper commit with what they do, and keeps every message in Slack a view of
// the records as they are now.
//
//	notice --expand--> posts --send--> recorded ts --later notices--> redrawn
//
// It promises that
//   - notices about one request are told in their order, and a place that is
//     blocked, slow or gone delays no other;
//   - nothing is given up on that Slack may take later: it is tried again, as
//     slowly as Slack asks, for as long as it takes; what Slack will never
//     take there (the channel is archived, the bot is not in it, the account
//     is gone) is dropped for that place and reported once to admins;
//   - the intent to post is durable before the call, and where the message
//     stands is durable after it, so that a crash in the middle of many posts
//     repeats none of those that were recorded;
//   - who decides is told when it is their turn, once, and who only hears of a
//     request gets it without buttons;
//   - that somebody broke the glass is posted first and noted (Announced) only
//     after Slack has confirmed it; who was skipped is told, and named without
//     a mention;
//   - whoever waits for Slack, it is never the Desk and never the Keeper.
//
// What it cannot promise is that a message appears once. Slack has no way of
// asking for that: when the answer to a post is lost, or the program dies
// between the call and its record, nobody can say whether the message is
// there. A request that nobody sees is worse than one that is seen twice, so
// it is posted again, after a while. Both copies carry the same request and
// terms; a click on either settles the same request, and a copy that was
// clicked is known from then on and redrawn like the other (Adopt).
//
// Changing a message again with the same content is harmless, so updates are
// simply repeated.
package outbox
