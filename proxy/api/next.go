package api

import (
	"strings"

	"sesame/flows/access"
)

// Next steps as one takes them at a terminal. An operator's need no login.
var (
	nextOfEngineer = strings.NewReplacer(
		access.NextTargets, "sesame targets list shows what you can ask for",
		access.NextHeld, "sesame mine shows what you hold",
		access.NextEnds, "sesame mine shows what you hold",
		access.NextEndSome, "end some of it with sesame end",
		access.NextAsk, "ask anew with sesame request",
		access.NextButtons, "sesame mine shows what you asked for, and sesame waiting what you can decide on",
		access.NextNumber, "sesame mine shows what you asked for, and sesame waiting what you can decide on",
		access.NextStands, "sesame mine with its id shows where it stands",
		access.NextAgain, "run the command again, and read what it shows",
	)
	nextOfOperator = strings.NewReplacer(
		access.NextEnds, "sesame grants list shows what there is",
		access.NextStands, "sesame grants show with its id tells where it stands",
	)
)
