package facts

import (
	"context"
	"errors"

	"sesame/flows/access"
)

// WithoutChat returns the same People for those who prove in another way than
// by the chat who they are: with the key of a login. Where the chat gives no
// answer about an account, the link that was made before stands for it, and
// what the chat would say of its kind is left aside; the directory must still
// know the user, and say that they are enabled. A no of the chat's is one here
// too, and so is a group of the chat's that cannot be looked up.
func (p *People) WithoutChat() *People {
	alone := *p
	alone.withoutChat = true
	return &alone
}

// stands reports whether a link stands for what the chat did not answer.
func (p *People) stands(err error) bool {
	return p.withoutChat && errors.Is(err, access.ErrUnavailable)
}

// linkedBefore returns who an account was linked to, unless the operator wrote
// down somebody else since.
func (p *People) linkedBefore(ctx context.Context, a access.Account, silent error) (access.Person, error) {
	who, err := p.linked(ctx, access.Person{Account: a}.AccountLink())
	if errors.Is(err, access.ErrNotFound) {
		return access.Person{}, silent // to be linked takes an answer
	} else if err != nil {
		return access.Person{}, err
	}
	if to, ok := p.mapped(a, Profile{}); ok && to != who.Principal {
		return access.Person{}, stranger(textContradiction)
	}
	return who, nil
}
