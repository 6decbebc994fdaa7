package scenario

import (
	"context"
	"errors"

	"sesame/flows/access"
)

// Describe returns what the record shows of a view of request id: its "request",
// "grant", "receipt", "waiting" (who is to decide), "lasting" (for how long the
// access is there) or "review".
func Describe(ctx context.Context, r access.Reader, of string, id access.RequestID) (string, error) {
	q, _, err := access.Load[access.Request](ctx, r, access.Request{ID: id}.Key())
	if err != nil {
		return "", err
	}
	switch of {
	case "request":
		return string(q.State), nil
	case "waiting":
		return q.Asked(), nil
	case "review":
		return reviewing(q.Review), nil
	}
	g, _, err := access.Load[access.Grant](ctx, r, access.Grant{ID: id.Grant()}.Key())
	switch {
	case errors.Is(err, access.ErrNotFound):
		return "none", nil
	case err != nil:
		return "", err
	case of == "grant":
		return string(g.State), nil
	case of == "lasting":
		return access.Spoken(g.EndsAt.Sub(g.OpenedAt)), nil
	}
	return DescribeReceipt(g), nil
}

func reviewing(v access.Reviewing) string {
	switch {
	case v.DueAt.IsZero():
		return "not wanted"
	case !v.At.IsZero():
		return "by " + v.Name + ": " + v.Text
	case v.Overdue:
		return "overdue"
	}
	return "wanted"
}
