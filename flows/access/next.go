package access

// What refusals name as the next step where it is done otherwise in Slack than
// at a terminal. They stand in a refusal as one does them in Slack; where a
// terminal is answered, its own take their place.
const (
	NextTargets = "/access list shows what you can ask for"
	NextHeld    = "/access list shows what you hold"
	NextEnds    = "/access end lists what you hold"
	NextEndSome = "end some of it with /access end"
	NextAsk     = "ask anew with /access"
	NextButtons = "use the buttons of its message"
	NextNumber  = "its message shows the number"
	NextStands  = "its message shows where it stands"
	NextAgain   = "read the updated message and decide again"
)
