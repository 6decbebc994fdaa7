package shells_test

import (
	"errors"
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/shells"
)

// TestWhoseSessionsAre holds owners, as Session Manager names them, to a grant by
// a permission set and to one of a role.
func TestWhoseSessionsAre(t *testing.T) {
	long := strings.Repeat("a", 60) + "@example.com"
	spec := func(way, set, name, role, person string) access.Spec {
		return access.Spec{Way: way, SessionName: name, Params: map[string]string{
			flowfile.ParamAccount: account, flowfile.ParamRegion: "us-east-1", flowfile.ParamPermissionSet: set,
			flowfile.ParamEndSessions: flowfile.EndSessions{RoleARN: "arn:aws:iam::" + account + ":role/Ends", Role: role, Person: person}.Encode(),
		}}
	}
	set := spec(flowfile.WaySSO, "Shell", "alice", "", "")
	role := spec(flowfile.WayRole, "", "", "EC2", "alice@example.com")
	wordy := spec(flowfile.WayRole, "", "", "EC2", long)
	const at = "arn:aws:sts::" + account + ":assumed-role/"
	for _, c := range []struct {
		name, owner string
		of          access.Spec
		grant       access.GrantID
		want        bool
	}{
		{"the user", at + "AWSReservedSSO_Shell_0123456789abcdef/alice", set, "", true},
		{"after the role was made anew", at + "AWSReservedSSO_Shell_fedcba9876543210/alice", set, "", true},
		{"another user", at + "AWSReservedSSO_Shell_0123456789abcdef/alice2", set, "", false},
		{"a user in other letters", at + "AWSReservedSSO_Shell_0123456789abcdef/Alice", set, "", false},
		{"another permission set", at + "AWSReservedSSO_Shells_0123456789abcdef/alice", set, "", false},
		{"one whose name goes on", at + "AWSReservedSSO_Shell_0123456789abcdef_0123456789abcdef/alice", set, "", false},
		{"one whose name is longer", at + "AWSReservedSSO_Shell_x0123456789abcdef/alice", set, "", false},
		{"a role of one's own of that name", at + "Shell/alice", set, "", false},
		{"a role that is called alike", at + "MyAWSReservedSSO_Shell_0123456789abcdef/alice", set, "", false},
		{"another account", "arn:aws:sts::999999999999:assumed-role/AWSReservedSSO_Shell_0123456789abcdef/alice", set, "", false},
		{"an IAM user of that name", "arn:aws:iam::" + account + ":user/alice", set, "", false},
		{"a path", at + "AWSReservedSSO_Shell_0123456789abcdef/x/alice", set, "", false},
		{"the grant", at + "EC2/alice@example.com+g-7k2m9p4xqa", role, "g-7k2m9p4xqa", true},
		{"no grant", at + "EC2/alice@example.com", role, "", false},
		{"what is no grant", at + "EC2/alice@example.com+g-7k2m9p4xq!", role, "g-7k2m9p4xq!", false},
		{"another person", at + "EC2/malice@example.com+g-7k2m9p4xqa", role, "g-7k2m9p4xqa", false},
		{"a person whose address begins so", at + "EC2/alice@example.com.au+g-7k2m9p4xqa", role, "g-7k2m9p4xqa", false},
		{"a person who has a grant in their name", at + "EC2/alice@example.com+g-7k2m9p4xqa+g-0123456789", role, "g-0123456789", false},
		{"another role", at + "EC22/alice@example.com+g-7k2m9p4xqa", role, "g-7k2m9p4xqa", false},
		{"a long name, cut off", at + "EC2/" + long[:64-13] + "+g-7k2m9p4xqa", wordy, "g-7k2m9p4xqa", true},
		{"a long name that is not", at + "EC2/" + long[:64-14] + "+g-7k2m9p4xqa", wordy, "g-7k2m9p4xqa", false},
		{"nothing", "", role, "", false},
	} {
		if grant, got := shells.GrantOf(c.of, c.owner); got != c.want || got && grant != c.grant {
			t.Errorf("%s: %v for %q, want %v for %q", c.name, got, grant, c.want, c.grant)
		}
	}
}

// TestWhatIsNotSaid is decided by nobody, or refused: a close does not wait for
// what will never be known.
func TestWhatIsNotSaid(t *testing.T) {
	r := newRig(t)
	of := access.Spec{Way: flowfile.WaySSO, SessionName: "alice", Params: map[string]string{
		flowfile.ParamAccount: account, flowfile.ParamRegion: "us-east-1", flowfile.ParamPermissionSet: "Shell",
	}}
	_, err := r.cutter.Sessions(t.Context(), of)
	if undecided, ok := errors.AsType[*access.UndecidedError](err); !ok || !strings.Contains(undecided.Why, "does not say any more") {
		t.Errorf("without end_sessions: %v", err)
	}
	of.Params[flowfile.ParamEndSessions] = flowfile.EndSessions{RoleARN: "arn:aws:iam::" + account + ":role/Ends"}.Encode()
	_, err = r.cutter.Sessions(t.Context(), of)
	if _, ok := errors.AsType[*access.UndecidedError](err); !ok {
		t.Errorf("without Identity Center: %v", err)
	}
	for name, value := range map[string]string{"broken": "{", "no role": "{}"} {
		of.Params[flowfile.ParamEndSessions] = value
		if _, err = r.cutter.Sessions(t.Context(), of); access.ClassOf(err) != access.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
