package shells

// Owns reports whether an owner is the one of whom params are.
func Owns(params map[string]string, owner string) bool {
	w := wanted{account: params["account"], user: params["user"], role: params["role"], session: params["session_name"]}
	return w.owns(owner)
}
