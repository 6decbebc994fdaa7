package bot

import (
	"context"

	"sesame/bot/blocks"
	"sesame/flows/login"
)

// lookAtCode shows whoever typed the code of a terminal where it asks from.
// Nothing is said to anybody who did not type one, nor later, by message.
func (b *Bot) lookAtCode(ctx context.Context, p payload, code string) error {
	a, err := b.Logins.Look(ctx, p.account(), code)
	if err != nil {
		return err
	}
	b.tell(ctx, p, answer{message: blocks.SignIn{
		ID: string(a.ID), Address: a.Origin.Address, Host: a.Origin.Host, Agent: a.Origin.Agent, Until: a.Until,
	}.Message()})
	return nil
}

// signIn signs in a terminal, or turns it away, as a button says. Codes live in
// memory, so that there is nothing to store before the acknowledgement.
func (b *Bot) signIn(ctx context.Context, p payload) error {
	a := p.action()
	if a.kind() == actionNotMe {
		if err := b.Logins.Decline(p.account(), login.AttemptID(a.Value)); err != nil {
			return err
		}
		b.tell(ctx, p, answer{message: blocks.NotSignedIn(), replaces: true})
		return nil
	}
	made, err := b.Logins.Confirm(ctx, p.account(), login.AttemptID(a.Value))
	if err != nil {
		return err
	}
	b.tell(ctx, p, answer{message: blocks.SignedIn(made.Origin.Host, made.Until), replaces: true})
	return nil
}

// signOut ends every login of whoever asks. Slack says who that is, and that is
// enough to take something from them.
func (b *Bot) signOut(ctx context.Context, p payload) error {
	n, err := b.Logins.LogoutAll(ctx, p.account())
	if err != nil {
		return err
	}
	b.tell(ctx, p, answer{message: blocks.SignedOut(n)})
	return nil
}
