package shells

import "sesame/flows/access"

// Owns reports whether an owner is the one of whom params are.
func Owns(params map[string]string, owner string) bool {
	w := wanted{account: params["account"], user: params["user"], role: params["role"], session: params["session_name"]}
	_, owns := w.owns(owner)
	return owns
}

// GrantOf reports whether an owner is whom s is about, and for which grant.
func GrantOf(s access.Spec, owner string) (access.GrantID, bool) {
	w, err := wantedOf(s)
	if err != nil {
		return "", false
	}
	return w.owns(owner)
}
