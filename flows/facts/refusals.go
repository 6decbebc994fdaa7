package facts

import (
	"fmt"

	"sesame/flows/access"
)

func stranger(format string, args ...any) *access.Refusal {
	return &access.Refusal{Code: access.RefusedStranger, Text: fmt.Sprintf(format, args...)}
}

// refusals returns the refusal for a kind of account that is not Member.
func refusals(k Kind) *access.Refusal {
	switch k {
	case Guest:
		return stranger("You cannot use Sesame, because your account here is a guest's and only full members can hold AWS access: ask the member you work with.")
	case Bot:
		return stranger("This account cannot use Sesame, because it is a bot's and only people can hold AWS access: have a person ask.")
	case Deleted:
		return stranger("You cannot use Sesame, because your account here is deactivated: ask an admin of the workspace to activate it.")
	case OtherWorkspace:
		return stranger("You cannot use Sesame, because it serves another workspace than yours: ask a member of that one.")
	default:
		return stranger("You cannot use Sesame, because your account is not known as a full member's of this workspace: ask the member you work with.")
	}
}

// What members are told who are not linked.
const (
	textUnlinked      = "You cannot use Sesame yet, because you are not linked to an AWS user: ask an admin to link you."
	textMapped        = "You cannot use Sesame yet, because an admin linked you to an AWS user that does not exist: ask them to correct the link."
	textContradiction = "You cannot use Sesame, because you are linked to one AWS user and an admin wrote down another: ask them which it should be."
	textDisabled      = "You cannot use Sesame, because your AWS user is disabled: ask an admin of the directory to enable it."
	textNoEmail       = "You cannot use Sesame yet, because Slack shows no e-mail address for you: ask an admin to link you."
	textUnconfirmed   = "You cannot use Sesame yet, because your e-mail address in Slack is not confirmed and could be anybody's: confirm it, or ask an admin to link you."
)

func refuseUnlinked(a access.Account) *access.Refusal {
	return stranger("You cannot use Sesame yet, because you are not linked to an AWS user: ask an admin to link your account %s.", a)
}

func refuseNoUser(email string) *access.Refusal {
	return stranger("You cannot use Sesame yet, because no AWS user has your e-mail address %q: ask an admin to link you.", email)
}

func refuseAmbiguous(email string) *access.Refusal {
	return stranger("You cannot use Sesame yet, because several AWS users have your e-mail address %q: ask an admin to link you to one of them.", email)
}

func refuseSecond(who access.Person) *access.Refusal {
	name := "Your AWS user"
	if who.Email != "" {
		name = who.Email
	}
	return stranger("%s is linked to another Slack account already, and a person has one: use that account, or ask an admin.", name)
}
