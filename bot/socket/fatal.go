package socket

import "fmt"

// What Slack gives as reasons for a disconnect; warning and
// refresh_requested need no name here, as any other reason is treated alike.
const (
	linkDisabled = "link_disabled"
	tooMany      = "too_many_websockets"
)

// A FatalError says that Slack will not let us connect until an operator has
// done something. It ends Run; nothing else has to end with it.
type FatalError struct {
	Code string // Slack's word for it
}

// Error names the code and what to do about it.
func (e *FatalError) Error() string {
	return fmt.Sprintf("slack refuses socket mode (%s): %s", e.Code, advice(e.Code))
}

// advice returns what an operator has to do about a fatal code, or nothing
// for a code that time may cure.
func advice(code string) string {
	switch code {
	case "not_authed":
		return "configure the app-level token (xapp-...)"
	case "invalid_auth":
		return "the app-level token is not valid; copy it again from the app's Basic Information page"
	case "token_revoked", "token_expired":
		return "generate a new app-level token with connections:write and configure it"
	case "account_inactive":
		return "the app or its workspace was removed or disabled; reinstall the app"
	case "missing_scope":
		return "the app-level token needs the scope connections:write; generate one that has it"
	case "not_allowed_token_type":
		return "configure the app-level token (xapp-...), not a bot or user token"
	case linkDisabled:
		return "Socket Mode is switched off; switch it on in the app's settings and start again"
	default:
		return ""
	}
}

func isFatal(code string) bool { return advice(code) != "" }
