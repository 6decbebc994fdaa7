package slacktest_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"sesame/bot/slacktest"
)

func TestAuthTest(t *testing.T) {
	r := start(t, slacktest.Config{})
	var scopes string
	api := slack.New(r.BotToken(), slack.OptionAPIURL(r.APIURL()), slack.OptionOnResponseHeaders(
		func(_ string, h http.Header) { scopes = h.Get("X-OAuth-Scopes") }))
	got, err := api.AuthTestContext(t.Context())
	r.ok(err)
	if got.TeamID != r.TeamID() || got.UserID != r.BotUser() || got.BotID == "" {
		t.Errorf("auth.test %+v", got)
	}
	if !strings.Contains(scopes, "chat:write") {
		t.Errorf("X-OAuth-Scopes %q, want the scopes of the token", scopes)
	}
	r.noViolations()
}

func TestTokens(t *testing.T) {
	r := start(t, slacktest.Config{})
	ctx := t.Context()
	for token, code := range map[string]string{
		"":           "not_authed",
		"made-up":    "invalid_auth",
		r.AppToken(): "not_allowed_token_type",
	} {
		_, err := r.client(token, "").AuthTestContext(ctx)
		r.refused(err, code)
	}
	r.RevokeToken(r.BotToken())
	_, err := r.api.AuthTestContext(ctx)
	r.refused(err, "token_revoked")
	r.Uninstall()
	_, _, err = r.api.StartSocketModeContext(ctx)
	r.refused(err, "account_inactive")
}

func TestScopes(t *testing.T) {
	r := start(t, slacktest.Config{Scopes: []string{"users:read"}})
	_, _, err := r.api.PostMessageContext(t.Context(), r.access, slack.MsgOptionText("hello", false))
	if e := r.refused(err, "missing_scope"); e.Needed != "chat:write" || e.Provided != "users:read" {
		t.Errorf("needed %q, provided %q", e.Needed, e.Provided)
	}
	_, err = r.api.GetConversationInfoContext(t.Context(), &slack.GetConversationInfoInput{ChannelID: r.access})
	r.refused(err, "missing_scope")
	u, err := r.api.GetUserInfoContext(t.Context(), r.alice)
	r.ok(err)
	if u.Profile.Email != "" {
		t.Errorf("e-mail %q without users:read.email", u.Profile.Email)
	}
	if reply, err := r.As(r.alice).Command(t.Context(), r.access, "/access"); err != nil || reply.Error == "" {
		t.Errorf("command without the scope: %+v, %v", reply, err)
	}
}

func TestUnknownMethodsAndArguments(t *testing.T) {
	r := start(t, slacktest.Config{})
	_, err := r.api.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: r.access})
	r.refused(err, "unknown_method")
	r.wantViolation("conversations.history")
	r.post(slack.MsgOptionText("hello", false), slack.MsgOptionUsername("mallory"))
	r.wantViolation(`argument "username"`)
	_, _, err = r.api.PostMessageContext(t.Context(), "", slack.MsgOptionText("hello", false))
	if e := r.refused(err, "invalid_arguments"); !slices.Contains(e.ResponseMetadata.Messages, "[ERROR] missing required field: channel") {
		t.Errorf("messages %q", e.ResponseMetadata.Messages)
	}
}

func TestTiers(t *testing.T) {
	r := start(t, slacktest.Config{})
	for range 20 {
		_, err := r.api.GetUserGroupsContext(t.Context())
		r.ok(err)
	}
	_, err := r.api.GetUserGroupsContext(t.Context())
	var limited *slack.RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != time.Minute {
		t.Fatalf("21st call of tier 2: %v, want 429 for a minute", err)
	}
	_, err = r.api.AuthTestContext(t.Context())
	r.ok(err)
	r.clk.Advance(limited.RetryAfter)
	_, err = r.api.GetUserGroupsContext(t.Context())
	r.ok(err)
	calls := r.Calls()
	if got := calls[20]; got.Status != http.StatusTooManyRequests || got.Error != "ratelimited" {
		t.Errorf("logged %+v", got)
	}
}

func TestOneMessageASecondPerChannel(t *testing.T) {
	r := start(t, slacktest.Config{})
	other := r.AddChannel(slacktest.Channel{Name: "other", Members: []string{r.BotUser()}})
	post := func(channel string) error {
		_, _, err := r.api.PostMessageContext(t.Context(), channel, slack.MsgOptionText("hello", false))
		return err
	}
	r.ok(post(r.access))
	r.ok(post(other))
	var limited *slack.RateLimitedError
	if err := post(r.access); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("second message at once: %v, want 429 for a second", err)
	}
	r.clk.Advance(time.Second)
	r.ok(post(r.access))

	free := start(t, slacktest.Config{NoRateLimits: true})
	for range 400 {
		_, _, err := free.api.PostMessageContext(t.Context(), free.access, slack.MsgOptionText("hello", false))
		free.ok(err)
	}
}

func TestPostWhereTheBotMay(t *testing.T) {
	r := start(t, slacktest.Config{})
	hidden := r.AddChannel(slacktest.Channel{Name: "hidden", Private: true})
	public := r.AddChannel(slacktest.Channel{Name: "public"})
	archived := r.AddChannel(slacktest.Channel{Name: "old", Archived: true, Members: []string{r.BotUser()}})
	for channel, code := range map[string]string{
		"C0NOWHERE": "channel_not_found", hidden: "channel_not_found", public: "not_in_channel", archived: "is_archived",
	} {
		_, _, err := r.api.PostMessageContext(t.Context(), channel, slack.MsgOptionText("hello", false))
		r.refused(err, code)
	}
	r.Invite(hidden, r.BotUser())
	_, _, err := r.api.PostMessageContext(t.Context(), hidden, slack.MsgOptionText("hello", false))
	r.ok(err)
	r.Remove(hidden, r.BotUser())
	_, _, err = r.api.PostMessageContext(t.Context(), hidden, slack.MsgOptionText("hello", false))
	r.refused(err, "channel_not_found")

	wide := start(t, slacktest.Config{Scopes: []string{"chat:write", "chat:write.public"}})
	public = wide.AddChannel(slacktest.Channel{Name: "public"})
	_, _, err = wide.api.PostMessageContext(t.Context(), public, slack.MsgOptionText("hello", false))
	wide.ok(err)
}

func TestMessageText(t *testing.T) {
	r := start(t, slacktest.Config{})
	_, _, err := r.api.PostMessageContext(t.Context(), r.access)
	r.refused(err, "no_text")
	_, _, err = r.api.PostMessageContext(t.Context(), r.access, slack.MsgOptionText(strings.Repeat("x", 40_001), false))
	r.refused(err, "msg_too_long")
	m := r.post(slack.MsgOptionText("<@"+r.alice+"> asks", false))
	if m.Text() != "@Alice Ames asks" {
		t.Errorf("text %q", m.Text())
	}
	_, _, _, err = r.api.UpdateMessageContext(t.Context(), r.access, m.TS, slack.MsgOptionText(strings.Repeat("x", 4001), false))
	r.refused(err, "msg_too_long")
}

func TestUpdateAndDelete(t *testing.T) {
	r := start(t, slacktest.Config{})
	ctx := t.Context()
	m := r.post(slack.MsgOptionText("asks", false),
		slack.MsgOptionBlocks(slack.NewActionBlock("v1", button("approve", "r-1", "Approve Request"))))
	if m.Text() != "[Approve Request]" {
		t.Errorf("text %q", m.Text())
	}
	r.clk.Advance(time.Minute)
	_, _, _, err := r.api.UpdateMessageContext(ctx, r.access, m.TS, slack.MsgOptionText("approved", false))
	r.ok(err)
	if got := r.Messages(r.access)[0]; got.Fallback != "approved" || got.Text() != "[Approve Request]" || !got.Edited.Equal(r.clk.Now()) {
		t.Errorf("blocks that are not sent must stay: %+v", got)
	}
	_, _, _, err = r.api.UpdateMessageContext(ctx, r.access, m.TS, slack.MsgOptionText("approved", false), slack.MsgOptionBlocks())
	r.ok(err)
	if got := r.Messages(r.access)[0]; got.Text() != "approved" {
		t.Errorf("an empty list must clear the blocks: %q", got.Text())
	}
	_, _, _, err = r.api.UpdateMessageContext(ctx, r.access, "1.000000", slack.MsgOptionText("x", false))
	r.refused(err, "message_not_found")

	said, err := r.As(r.bob).Say(r.access, "mine")
	r.ok(err)
	_, _, _, err = r.api.UpdateMessageContext(ctx, r.access, said.TS, slack.MsgOptionText("x", false))
	r.refused(err, "cant_update_message")
	_, _, err = r.api.DeleteMessageContext(ctx, r.access, said.TS)
	r.refused(err, "cant_delete_message")
	_, _, err = r.api.DeleteMessageContext(ctx, r.access, m.TS)
	r.ok(err)
	if got := r.Messages(r.access); len(got) != 1 {
		t.Errorf("messages %+v, want only bob's", got)
	}
	r.noViolations()
}

func TestThreads(t *testing.T) {
	r := start(t, slacktest.Config{})
	parent := r.post(slack.MsgOptionText("request", false))
	reply := func(opts ...slack.MsgOption) string {
		r.clk.Advance(time.Second)
		_, ts, err := r.api.PostMessageContext(t.Context(), r.access, opts...)
		r.ok(err)
		return ts
	}
	folded := reply(slack.MsgOptionText("approved", false), slack.MsgOptionTS(parent.TS))
	reply(slack.MsgOptionText("closed", false), slack.MsgOptionTS(parent.TS), slack.MsgOptionBroadcast())
	var thread, timeline []string
	for _, m := range r.Thread(r.access, parent.TS) {
		thread = append(thread, m.Text())
	}
	for _, m := range r.Messages(r.access) {
		timeline = append(timeline, m.Text())
	}
	if diff := cmp.Diff([]string{"approved", "closed"}, thread); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"request", "closed"}, timeline); diff != "" {
		t.Error(diff)
	}
	r.noViolations()

	reply(slack.MsgOptionText("deeper", false), slack.MsgOptionTS(folded))
	r.wantViolation("is itself a reply")
	reply(slack.MsgOptionText("nowhere", false), slack.MsgOptionTS("1.000000"))
	r.wantViolation("is no message")
	all := r.Messages(r.access)
	if got := all[len(all)-1]; got.Text() != "nowhere" || got.ThreadTS != "" {
		t.Errorf("a reply to nothing is posted in the open, got %+v", got)
	}
}

func TestPermalink(t *testing.T) {
	r := start(t, slacktest.Config{})
	m := r.post(slack.MsgOptionText("request", false))
	got, err := r.api.GetPermalinkContext(t.Context(), &slack.PermalinkParameters{Channel: r.access, Ts: m.TS})
	r.ok(err)
	u, err := url.Parse(got)
	r.ok(err)
	if want := "/archives/" + r.access + "/p" + strings.Replace(m.TS, ".", "", 1); u.Path != want {
		t.Errorf("path %q, want %q", u.Path, want)
	}
	_, err = r.api.GetPermalinkContext(t.Context(), &slack.PermalinkParameters{Channel: r.access, Ts: "1.000000"})
	r.refused(err, "message_not_found")
	r.noViolations()
}

func TestEphemerals(t *testing.T) {
	r := start(t, slacktest.Config{})
	_, err := r.api.PostEphemeralContext(t.Context(), r.access, r.alice, slack.MsgOptionText("only you", false))
	r.ok(err)
	if got := r.Ephemerals(r.alice); len(got) != 1 || got[0].Text() != "only you" || len(r.Messages(r.access)) != 0 {
		t.Errorf("ephemerals %+v", got)
	}
	carol := r.AddUser(slacktest.User{Name: "carol"})
	_, err = r.api.PostEphemeralContext(t.Context(), r.access, carol, slack.MsgOptionText("only you", false))
	r.refused(err, "user_not_in_channel")
	r.As(r.alice).Reload()
	if got := r.Ephemerals(r.alice); len(got) != 0 {
		t.Errorf("after a reload %+v, want none", got)
	}
	r.noViolations()
}

func TestDirectMessages(t *testing.T) {
	r := start(t, slacktest.Config{})
	ctx := t.Context()
	c, _, _, err := r.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{r.alice}})
	r.ok(err)
	if c.ID != r.DM(r.alice) {
		t.Errorf("channel %q, want %q", c.ID, r.DM(r.alice))
	}
	_, _, err = r.api.PostMessageContext(ctx, c.ID, slack.MsgOptionText("granted", false))
	r.ok(err)
	if got := r.Messages(r.alice); len(got) != 1 || got[0].Text() != "granted" {
		t.Errorf("messages %+v", got)
	}
	r.DeactivateUser(r.alice)
	for user, code := range map[string]string{
		r.alice: "user_disabled", r.BotUser(): "cannot_dm_bot", "U0NOBODY": "user_not_found", "": "users_list_not_supplied",
	} {
		_, _, _, err = r.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}})
		r.refused(err, code)
	}
	r.noViolations()
	_, _, _, err = r.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{r.alice, r.bob}})
	r.refused(err, "method_not_supported_for_channel_type")
	r.wantViolation("several people")

	closed := start(t, slacktest.Config{NoMessagesTab: true})
	_, _, err = closed.api.PostMessageContext(ctx, closed.DM(closed.alice), slack.MsgOptionText("granted", false))
	closed.refused(err, "messages_tab_disabled")
}

func TestConversations(t *testing.T) {
	r := start(t, slacktest.Config{PageSize: 2})
	ctx := t.Context()
	hidden := r.AddChannel(slacktest.Channel{Name: "hidden", Private: true, Members: []string{r.alice}})
	shared := r.AddChannel(slacktest.Channel{Name: "shared"})
	r.EditChannel(shared, func(c *slacktest.Channel) { c.ExtShared = true })
	got, err := r.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: shared})
	r.ok(err)
	if !got.IsExtShared || !got.IsShared || got.IsMember {
		t.Errorf("shared channel %+v", got)
	}
	_, err = r.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: hidden})
	r.refused(err, "channel_not_found")
	_, err = r.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: r.DM(r.alice)})
	r.refused(err, "missing_scope")

	var members []string
	for cursor := ""; ; {
		some, next, err := r.api.GetUsersInConversationContext(ctx, &slack.GetUsersInConversationParameters{
			ChannelID: r.access, Cursor: cursor, Limit: 200,
		})
		r.ok(err)
		if members = append(members, some...); next == "" {
			break
		}
		cursor = next
	}
	if diff := cmp.Diff([]string{r.BotUser(), r.alice, r.bob}, members); diff != "" {
		t.Error(diff)
	}
	for _, cursor := range []string{"x", "next:-1", "next:99"} {
		_, _, err = r.api.GetUsersInConversationContext(ctx, &slack.GetUsersInConversationParameters{ChannelID: r.access, Cursor: cursor})
		r.refused(err, "invalid_cursor")
	}
	list, next, err := r.api.GetConversationsContext(ctx, &slack.GetConversationsParameters{
		Types: []string{"public_channel", "private_channel"}, ExcludeArchived: true,
	})
	r.ok(err)
	if len(list) != 2 || next != "" {
		t.Errorf("list %+v, next %q, want the two channels that the bot may know", list, next)
	}
	_, _, err = r.api.GetConversationsContext(ctx, &slack.GetConversationsParameters{Types: []string{"im"}})
	r.refused(err, "missing_scope")
	r.noViolations()
}

func TestUsers(t *testing.T) {
	r := start(t, slacktest.Config{PageSize: 2})
	ctx := t.Context()
	guest := r.AddUser(slacktest.User{Name: "gus", UltraRestricted: true, Unconfirmed: true})
	eve := r.AddUser(slacktest.User{Name: "eve", Team: "T0ELSEWHERE", Stranger: true, Email: "eve@example.net"})
	u, err := r.api.GetUserInfoContext(ctx, r.alice)
	r.ok(err)
	if u.Profile.Email != "alice@example.com" || !u.IsEmailConfirmed || u.TZ != "Europe/Berlin" || u.TZOffset != 3600 || u.RealName != "Alice Ames" {
		t.Errorf("alice %+v", u)
	}
	u, err = r.api.GetUserInfoContext(ctx, guest)
	r.ok(err)
	if !u.IsUltraRestricted || !u.IsRestricted || u.IsEmailConfirmed {
		t.Errorf("guest %+v", u)
	}
	u, err = r.api.GetUserInfoContext(ctx, eve)
	r.ok(err)
	if u.TeamID != "T0ELSEWHERE" || !u.IsStranger {
		t.Errorf("eve %+v", u)
	}
	_, err = r.api.GetUserInfoContext(ctx, "U0NOBODY")
	r.refused(err, "user_not_found")

	u, err = r.api.GetUserByEmailContext(ctx, "Bob@Example.com")
	r.ok(err)
	if u.ID != r.bob {
		t.Errorf("by e-mail %+v", u)
	}
	r.DeactivateUser(r.bob)
	for _, email := range []string{"bob@example.com", "eve@example.net"} {
		_, err = r.api.GetUserByEmailContext(ctx, email)
		r.refused(err, "users_not_found")
	}
	all, err := r.api.GetUsersContext(ctx)
	r.ok(err)
	if len(all) != 4 || len(r.Users()) != 5 {
		t.Errorf("%d listed of %d, want all but eve", len(all), len(r.Users()))
	}
	r.noViolations()
}

func TestUserGroups(t *testing.T) {
	r := start(t, slacktest.Config{})
	ctx := t.Context()
	leads := r.AddGroup(slacktest.Group{Handle: "leads", Users: []string{r.bob}})
	off := r.AddGroup(slacktest.Group{Handle: "off", Disabled: true})
	list, err := r.api.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true))
	r.ok(err)
	if len(list) != 1 || list[0].Handle != "leads" || !slices.Equal(list[0].Users, []string{r.bob}) {
		t.Errorf("list %+v", list)
	}
	users, err := r.api.GetUserGroupMembersContext(ctx, leads)
	r.ok(err)
	if !slices.Equal(users, []string{r.bob}) {
		t.Errorf("members %q", users)
	}
	for _, id := range []string{off, "S0NOWHERE"} {
		_, err = r.api.GetUserGroupMembersContext(ctx, id)
		r.refused(err, "no_such_subteam")
	}
	r.noViolations()

	free := start(t, slacktest.Config{FreePlan: true})
	_, err = free.api.GetUserGroupsContext(ctx)
	free.refused(err, "plan_upgrade_required")
	_, err = free.api.GetUserGroupMembersContext(ctx, leads)
	free.refused(err, "plan_upgrade_required")
}

func TestUserGroupEvents(t *testing.T) {
	r := start(t, slacktest.Config{})
	leads := r.AddGroup(slacktest.Group{Handle: "leads", Users: []string{r.bob}})
	l := r.dial()
	r.EditGroup(leads, func(g *slacktest.Group) { g.Users = []string{r.alice} })
	kinds := map[any]envelope{}
	for range 2 {
		e := l.next()
		l.ack(e, nil)
		kinds[e.field("event", "type")] = e
	}
	changed := kinds["subteam_members_changed"]
	if changed.field("event", "added_users").([]any)[0] != r.alice || changed.field("event", "removed_users").([]any)[0] != r.bob {
		t.Errorf("members changed %s", changed.Payload)
	}
	if e := kinds["subteam_updated"]; e.field("event", "subteam", "handle") != "leads" {
		t.Errorf("updated %s", e.Payload)
	}
}

func TestTeamAndBot(t *testing.T) {
	r := start(t, slacktest.Config{})
	team, err := r.api.GetTeamInfoContext(t.Context())
	r.ok(err)
	if team.ID != r.TeamID() {
		t.Errorf("team %+v", team)
	}
	auth, err := r.api.AuthTestContext(t.Context())
	r.ok(err)
	bot, err := r.api.GetBotInfoContext(t.Context(), slack.GetBotInfoParameters{Bot: auth.BotID})
	r.ok(err)
	if bot.UserID != r.BotUser() || bot.AppID != r.AppID() {
		t.Errorf("bot %+v", bot)
	}
	_, err = r.api.GetBotInfoContext(t.Context(), slack.GetBotInfoParameters{Bot: "B0NOBODY"})
	r.refused(err, "bot_not_found")
	r.noViolations()
}

func TestInvalidBlocksHaveSlacksShape(t *testing.T) {
	r := start(t, slacktest.Config{})
	_, _, err := r.api.PostMessageContext(t.Context(), r.access,
		slack.MsgOptionBlocks(slack.NewSectionBlock(mrkdwn(strings.Repeat("x", 3001)), nil, nil)))
	e := r.refused(err, "invalid_blocks")
	const want = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
	if len(e.Errors) != 1 || *e.Errors[0].Message != want || e.ResponseMetadata.Messages[0] != "[ERROR] "+want {
		t.Errorf("errors %+v, messages %q", e.Errors, e.ResponseMetadata.Messages)
	}
	_, _, err = r.api.PostMessageContext(t.Context(), r.access, slack.MsgOptionBlocks(&slack.TableBlock{Type: slack.MBTTable}))
	r.refused(err, "invalid_blocks")
	r.wantViolation("not supported here")
}

func TestBlocksValidate(t *testing.T) {
	r := start(t, slacktest.Config{})
	call := func(body string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.APIURL()+"blocks.validate", strings.NewReader(body))
		r.ok(err)
		req.Header.Set("Authorization", "Bearer "+r.BotToken())
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		resp, err := http.DefaultClient.Do(req)
		r.ok(err)
		defer resp.Body.Close()
		var b strings.Builder
		_, err = copyTo(&b, resp)
		r.ok(err)
		return b.String()
	}
	for body, want := range map[string]string{
		`{"blocks":[{"type":"divider"}]}`:                                   `{"ok":true}`,
		`{"blocks":[{"type":"nonsense"}]}`:                                  `"pointer":"/0/type"`,
		`{"message":{"blocks":[{"type":"header"}]}}`:                        `"error":"invalid_message"`,
		`{"view":{"type":"modal","blocks":[{"type":"divider"}]}}`:           `missing required field: title`,
		`{"blocks":"[{\"type\":\"divider\"}]","view":"{}"}`:                 `"error":"invalid_arguments"`,
		`{"blocks":"[{\"type\":\"section\",\"text\":{\"type\":\"odd\"}}]"}`: `"code":"unsupported_type"`,
		`{`: `"error":"invalid_json"`,
	} {
		if got := call(body); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
