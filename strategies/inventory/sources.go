package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// pageOfMachines is how many machines EC2 names in one answer. Without a number
// it looks for all of them first, which takes long in a large account.
const pageOfMachines = 200

// described asks EC2, by tag:Key: a filter by tag-value alone would find a
// machine by whatever key has that value.
func (s *seat) described(ctx context.Context, a Asking) (all []machine, err error) {
	in, want := &ec2.DescribeInstancesInput{MaxResults: aws.Int32(pageOfMachines)}, a.Want
	for _, key := range slices.Sorted(maps.Keys(want.Tags)) {
		in.Filters = append(in.Filters, ec2types.Filter{Name: aws.String("tag:" + key), Values: []string{want.Tags[key]}})
	}
	for pages := ec2.NewDescribeInstancesPaginator(s.ec2, in); pages.HasMorePages() && len(all) <= maxListed; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				if m := s.of(i); m.has(want.Tags) && m.State != string(ec2types.InstanceStateNameTerminated) {
					all = append(all, m)
				}
			}
		}
	}
	return all, nil
}

func (s *seat) of(i ec2types.Instance) machine {
	m := machine{Instance: access.Instance{ID: aws.ToString(i.InstanceId), Region: s.region}, tags: map[string]string{}}
	if i.State != nil {
		m.State = string(i.State.Name)
	}
	for _, t := range i.Tags {
		m.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

// maxExpression is how long a query of AWS Config may be ("SelectResourceConfig"
// in its API reference).
const maxExpression = 4096

// expression asks AWS Config for the machines that have the tags.
func expression(a Asking) (string, error) {
	all := []string{"resourceType = 'AWS::EC2::Instance'", "accountId = " + quoted(a.Account)}
	for _, key := range slices.Sorted(maps.Keys(a.Want.Tags)) {
		all = append(all, "tags.tag = "+quoted(key+"="+a.Want.Tags[key]))
	}
	if a.Want.Aggregator != "" {
		var regions []string
		for _, region := range a.Want.Regions {
			regions = append(regions, quoted(region))
		}
		all = append(all, "awsRegion IN ("+strings.Join(regions, ", ")+")")
	}
	text := "SELECT resourceId, awsRegion, tags, configuration.state.name WHERE " + strings.Join(all, " AND ")
	if len(text) > maxExpression {
		return "", fmt.Errorf("the query has %d characters, and AWS Config takes %d: name fewer tags", len(text), maxExpression)
	}
	return text, nil
}

// quoted is a text in a query, where a quote is written twice.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// selected asks AWS Config in one region.
func (s *seat) selected(ctx context.Context, a Asking) (all []machine, err error) {
	text, err := expression(a)
	if err != nil {
		return nil, err
	}
	in := &configservice.SelectResourceConfigInput{Expression: &text, Limit: 100}
	for pages := configservice.NewSelectResourceConfigPaginator(s.config, in); pages.HasMorePages() && len(all) <= maxListed; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if all, err = appendRows(all, page.Results, a.Want); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// aggregated asks an aggregator.
func (s *seat) aggregated(ctx context.Context, a Asking) (all []machine, err error) {
	text, err := expression(a)
	if err != nil {
		return nil, err
	}
	in := &configservice.SelectAggregateResourceConfigInput{Expression: &text, ConfigurationAggregatorName: &a.Want.Aggregator, Limit: 100}
	for pages := configservice.NewSelectAggregateResourceConfigPaginator(s.config, in); pages.HasMorePages() && len(all) <= maxListed; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if all, err = appendRows(all, page.Results, a.Want); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// appendRows reads what AWS Config answers, each machine as JSON.
func appendRows(all []machine, rows []string, want flowfile.Instances) ([]machine, error) {
	for _, text := range rows {
		var row struct {
			ID     string                        `json:"resourceId"`
			Region string                        `json:"awsRegion"`
			Tags   []struct{ Key, Value string } `json:"tags"`
			As     struct {
				State struct{ Name string }
			} `json:"configuration"`
		}
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			return nil, fmt.Errorf("read what AWS Config answered: %w", err)
		}
		m := machine{access.Instance{ID: row.ID, Region: row.Region, State: row.As.State.Name}, map[string]string{}}
		for _, t := range row.Tags {
			m.tags[t.Key] = t.Value
		}
		if m.ID != "" && m.has(want.Tags) {
			all = append(all, m)
		}
	}
	return all, nil
}

// pingsAtOnce is of how many machines Session Manager is asked in one call.
const pingsAtOnce = 50

// pings returns what Session Manager says of machines, by their ids.
func (f *Finder) pings(ctx context.Context, a Asking, all []machine) (map[string]string, error) {
	found, byRegion := map[string]string{}, map[string][]string{}
	for _, m := range all {
		byRegion[m.Region] = append(byRegion[m.Region], m.ID)
	}
	for _, region := range slices.Sorted(maps.Keys(byRegion)) {
		s, err := f.seat(ctx, a, region)
		if err != nil {
			return nil, err
		}
		for ids := range slices.Chunk(byRegion[region], pingsAtOnce) {
			if err := s.ping(ctx, ids, found); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func (s *seat) ping(ctx context.Context, ids []string, found map[string]string) error {
	in := &ssm.DescribeInstanceInformationInput{Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: ids}}}
	for pages := ssm.NewDescribeInstanceInformationPaginator(s.ssm, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, i := range page.InstanceInformationList {
			found[aws.ToString(i.InstanceId)] = string(i.PingStatus)
		}
	}
	return nil
}
