package webapi

import (
	"context"

	"github.com/slack-go/slack"
)

// User returns a user's profile.
func (a *API) User(ctx context.Context, id string) (*slack.User, error) {
	return call(ctx, a, usersInfo, func(ctx context.Context) (*slack.User, error) {
		return a.client.GetUserInfoContext(ctx, id)
	})
}

// UserByEmail returns the profile of the user with a confirmed address.
func (a *API) UserByEmail(ctx context.Context, email string) (*slack.User, error) {
	return call(ctx, a, usersByEmail, func(ctx context.Context) (*slack.User, error) {
		return a.client.GetUserByEmailContext(ctx, email)
	})
}

// GroupMembers returns the ids of the users in a user group.
func (a *API) GroupMembers(ctx context.Context, group string) ([]string, error) {
	return call(ctx, a, usergroupsUsers, func(ctx context.Context) ([]string, error) {
		return a.client.GetUserGroupMembersContext(ctx, group)
	})
}

// Groups returns the user groups that are not disabled.
func (a *API) Groups(ctx context.Context) ([]slack.UserGroup, error) {
	return call(ctx, a, usergroupsList, func(ctx context.Context) ([]slack.UserGroup, error) {
		return a.client.GetUserGroupsContext(ctx)
	})
}

// Channel returns what a conversation is.
func (a *API) Channel(ctx context.Context, id string) (*slack.Channel, error) {
	return call(ctx, a, conversationsInfo, func(ctx context.Context) (*slack.Channel, error) {
		return a.client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	})
}

// OpenView opens a modal for somebody who did something within the last three
// seconds.
func (a *API) OpenView(ctx context.Context, trigger string, v slack.ModalViewRequest) (string, error) {
	return call(ctx, a, viewsOpen, func(ctx context.Context) (string, error) {
		r, err := a.client.OpenViewContext(ctx, trigger, v)
		if err != nil {
			return "", err
		}
		return r.ID, nil
	})
}

// UpdateView changes an open modal, unless it changed since hash.
func (a *API) UpdateView(ctx context.Context, id, hash string, v slack.ModalViewRequest) error {
	_, err := call(ctx, a, viewsUpdate, func(ctx context.Context) (*slack.ViewResponse, error) {
		return a.client.UpdateViewContext(ctx, v, "", hash, id)
	})
	return err
}

// PublishHome replaces what a user sees in the app's home.
func (a *API) PublishHome(ctx context.Context, user string, v slack.HomeTabViewRequest) error {
	_, err := call(ctx, a, viewsPublish, func(ctx context.Context) (*slack.ViewResponse, error) {
		return a.client.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: user, View: v})
	})
	return err
}
