package partner

import (
	"fmt"
	"strings"

	"sesame/policies/iam/recipe"
)

// Progress says for admins what is to be done so that the external id of a
// partner replaces those before it. made says that it was made just now.
func (k Kit) Progress(made bool) (string, error) {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name, until := k.Partner.Name, k.IDs.Until()
	switch {
	case len(k.IDs.Former) == 0:
		return "The roles of the partner " + name + " take its external id alone: nothing is left to do.\n", nil
	case until.IsZero() && k.IDs.Refused:
		return "The roles of the partner " + name + " take its external id alone, as their trust policies say now: Sesame\nlooks once more, and tells the admin channel.\n", nil
	case until.IsZero() && made:
		say("%s has a new external id, and the one before is to be taken no more: it is good until\nits roles have the policy below, and nobody of %s comes in before they have the new one.", name, name)
	case until.IsZero():
		say("The external ids of %s before the one that it has are to be taken no more. They are good\nuntil its roles have the policy below.", name)
	case made:
		say("%s has a new external id, and the one before is to be taken beside it until\n%s. Nothing has changed in AWS yet.", name, day(until))
	default:
		say("%s has a new external id already, and the one before is to be taken beside it until\n%s: no other was made. If one of them leaked, say --leaked.", name, day(until))
	}
	if err := k.steps(say, until.IsZero(), made); err != nil {
		return "", err
	}
	return b.String(), nil
}

// steps says what to do in AWS, what to send, and what follows.
func (k Kit) steps(say func(string, ...any), last, made bool) error {
	trust, err := k.Trust()
	if err != nil {
		return err
	}
	name, takes := k.Partner.Name, "takes both"
	if last {
		takes = "takes the new one alone"
	}
	say("\n1. The trust policy of its roles, which %s (sesame partner trust %s prints it again):\n", takes, name)
	say("%s", strings.TrimRight(string(recipe.Text(trust, "trust")), "\n"))
	say("\n   With it in trust.json, as somebody who may:\n")
	for _, role := range k.Roles() {
		account, path, _ := strings.Cut(strings.SplitN(role.ARN, ":", 5)[4], ":")
		say("   aws iam update-assume-role-policy --role-name %s --policy-document file://trust.json   # in %s", strings.TrimPrefix(path, "role/"), account)
	}
	if made || !last {
		say("\n2. Then send %s what sesame partner kit %s prints: only the external_id in it is new.", name, name)
	}
	if last {
		say("\nSesame reads the trust policies, and tells the admin channel once no role takes the former\nids any more, and each day on which one does.")
		return nil
	}
	say("\n3. Once its people have it: sesame partner rotate %s --finish\n\nAfter %s the admin channel is told each day that the former one is good still.", name, day(k.IDs.Until()))
	return nil
}
