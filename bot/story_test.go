package bot_test

import (
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
)

func TestFromAskingToTheReceipt(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend 1h INC-42 disk full")
	r.hears("alice", 1)
	r.settled()
	r.shows("C0ACCESS", 1)
	id := r.request(1).ID

	r.presses("bob", r.message("C0ACCESS", 1), "approve")
	r.settled()
	r.shows("C0ACCESS", 1)
	r.opens(id)
	r.shows("C0ACCESS", 1)
	r.shows("alice", 1)

	r.clk.Advance(50 * time.Minute)
	r.keeper(id, "", access.NoticeReminder, func(g access.Grant) (access.Grant, error) { return g.Reminder(), nil })
	r.shows("alice", 2)

	r.clk.Advance(10 * time.Minute)
	r.keeper(id, "The time is over.", "", func(g access.Grant) (access.Grant, error) {
		return g.Ended(access.End{At: r.clk.Now(), Cause: access.EndedDue})
	})
	r.closes(id)
	r.shows("C0ACCESS", 1)
	r.trail("C0ACCESS", 1)
	r.shows("alice", 1)
	r.shows("alice", 3)
	r.golden()
}

func TestDenial(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend INC-42 disk full")
	r.settled()
	r.presses("bob", r.message("C0ACCESS", 1), "deny")
	v := r.view("bob", "Deny request")
	r.submits("bob", v, map[string][]string{"reason": {"Use the *read* replica, <!channel>."}})
	r.settled()
	r.shows("C0ACCESS", 1)
	r.trail("C0ACCESS", 1)
	r.shows("alice", 1)
	if q := r.request(1); q.State != access.Denied {
		t.Errorf("the request is %s", q.State)
	}
	r.golden()
}

func TestWithdrawal(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend INC-42 disk full")
	r.hears("alice", 1)
	r.settled()
	reply, err := r.as("alice").Click(t.Context(), r.Ephemerals(r.people["alice"])[0].Control("withdraw"))
	r.ok(err)
	r.printf("alice presses withdraw %s", reply.Error)
	r.settled()
	r.hears("alice", 1)
	r.shows("C0ACCESS", 1)
	r.trail("C0ACCESS", 1)
	r.golden()
}

func TestTheForm(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access")
	v := r.view("alice", "Choose a target")
	_, err := r.as("alice").Enter(t.Context(), v.Control("target"), "logs")
	r.ok(err)
	r.printf("alice chooses logs")
	v = r.view("alice", "Purpose")
	_, err = r.as("alice").Enter(t.Context(), v.Control("target"), "ec2-frontend")
	r.ok(err)
	r.printf("alice chooses ec2-frontend")
	v = r.view("alice", "Ticket")
	reply := r.submits("alice", v, map[string][]string{"field.ticket": {"inc 42"}, "reason": {" \u202e "}})
	if len(reply.Errors) != 2 {
		t.Errorf("errors %v, want both at once", reply.Errors)
	}
	if n := r.requests(); n != 0 {
		t.Errorf("%d requests were made of a form with errors", n)
	}
	reply = r.submits("alice", v, map[string][]string{"field.ticket": {"INC-42"}, "reason": {"disk full\n<!channel> <https://evil.example|Approved>"}})
	if len(reply.Errors) != 0 || reply.View != nil {
		t.Errorf("reply %+v, want a closed form", reply)
	}
	r.settled()
	r.shows("C0ACCESS", 1)
	r.shows("alice", 1)
	if who := r.message("C0ACCESS", 1).Notifies(); len(who) != 1 || who[0] != r.people["alice"] {
		t.Errorf("it notifies %v", who)
	}
	r.presses("carol", r.message("C0ACCESS", 1), "approve")
	r.settled()
	r.shows("alice", 1)
	r.golden()
}

func TestAnIncompleteLineOpensTheFormPrefilled(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend 2h disk full &amp; nothing else")
	r.view("alice", "Ticket")
	r.types("alice", "/access ec2-frontend 5h INC-42 disk full")
	r.view("alice", "5 hours")
	r.types("alice", "/access ec2-frontend -1h INC-42 disk full")
	r.view("alice", "less than no time")
	if n := r.requests(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	r.golden()
}

func TestWhatACommandAnswers(t *testing.T) {
	r := newRig(t)
	reply := r.types("alice", "/access help")
	r.print("only alice sees", reply.Message.Text())
	r.types("alice", "/access ec2-fronted 1h INC-42 disk full")
	r.hears("alice", 2)
	_, err := r.as("alice").Click(t.Context(), r.Ephemerals(r.people["alice"])[1].Control("ask.0"))
	r.ok(err)
	r.printf("alice presses the first name")
	r.view("alice", "Ticket")
	r.types("alice", "/access nothing-like-it")
	r.hears("alice", 3)
	r.types("alice", "/access end")
	r.hears("alice", 4)
	r.types("alice", "/access ec2-frontend INC-42 disk full")
	r.hears("alice", 5)
	r.types("alice", "/access list")
	r.hears("alice", 6)
	r.settled()
	r.clk.Advance(time.Second)
	r.types("alice", "/access logs 15m audit of last night")
	v := r.view("alice", "Purpose")
	r.submits("alice", v, map[string][]string{"field.purpose": {"audit"}})
	r.settled()
	r.shows("C0ACCESS", 2)
	if q := r.request(2); q.State != access.Approved {
		t.Errorf("the request is %s, want approved by its route", q.State)
	}
	r.golden()
}

func TestEndingEarly(t *testing.T) {
	r := newRig(t)
	open := func(text string) access.RequestID {
		t.Helper()
		n := r.requests()
		r.types("alice", text)
		r.settled()
		id := r.request(n + 1).ID
		_, err := r.as("bob").Click(t.Context(), r.message("C0ACCESS", n+1).Control("approve"))
		r.ok(err)
		r.settled()
		r.opens(id)
		return id
	}
	r.clk.Advance(time.Second)
	one := open("/access ec2-frontend INC-42 disk full")
	r.clk.Advance(time.Second)
	two := open("/access ec2-backend INC-43 disk full there")
	n := len(r.Ephemerals(r.people["alice"]))
	r.types("alice", "/access end")
	r.hears("alice", n+1)
	r.types("alice", "/access end something-else")
	r.hears("alice", n+2)
	r.types("alice", "/access end ec2-backend")
	r.hears("alice", n+3)
	r.settled()
	r.closes(two)
	r.shows("alice", 2)
	r.types("bob", "/access end "+string(one.Grant()))
	r.hears("bob", 1)
	r.settled()
	r.shows("C0ACCESS", 1)
	r.types("alice", "/access end "+string(one.Grant()))
	r.hears("alice", n+4)
	r.golden()
	for _, id := range []access.RequestID{one, two} {
		g, _, err := access.Load[access.Grant](t.Context(), r.store, access.Grant{ID: id.Grant()}.Key())
		if err != nil || g.End.Cause != access.EndedEarly {
			t.Errorf("grant %+v, %v", g, err)
		}
	}
}

func TestHome(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend INC-42 disk full")
	r.settled()
	for _, name := range []string{"alice", "bob", "gus"} {
		_, _, err := r.as(name).OpenHome()
		r.ok(err)
		r.await(name+" has a home", func() bool { _, ok := r.Home(r.people[name]); return ok })
		v, _ := r.Home(r.people[name])
		r.print(name+"'s home", v.Text())
	}
	v, _ := r.Home(r.people["alice"])
	_, err := r.as("alice").Click(t.Context(), v.Control("withdraw"))
	r.ok(err)
	r.await("the home says so", func() bool {
		v, _ := r.Home(r.people["alice"])
		return strings.Contains(v.Text(), "withdrawn")
	})
	r.golden()
}
