package awstest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

const configName = "config"

// configService is AWS Config, which answers queries about machines.
func configService() service {
	query, most := need("Expression", text(1, 4096, "")), may("Limit", number(0, 100))
	token := may("NextToken", text(1, 0, ""))
	return service{name: configName, target: "StarlingDoveService", codes: jsonCodes, operations: map[string]operation{
		"SelectResourceConfig": {structure(query, most, token), selectResourceConfig},
		"SelectAggregateResourceConfig": {structure(
			query, need("ConfigurationAggregatorName", text(1, 256, `[\w\-]+`)), most, may("MaxResults", number(0, 100)), token,
		), selectAggregate},
	}}
}

// AddAggregator has AWS Config collect, under a name in an account, what is in
// all accounts.
func (w *World) AddAggregator(account, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.aggregators = append(w.aggregators, entity{account, name})
	w.changedLocked()
}

// selectResourceConfig sees the account and region of the caller.
func selectResourceConfig(r *request) (doc, error) { return r.selectMachines(r.sees) }

func selectAggregate(r *request) (doc, error) {
	if !slices.Contains(r.w.aggregators, entity{r.call.Caller.Account, r.text("ConfigurationAggregatorName")}) {
		return nil, refusal("NoSuchConfigurationAggregatorException", "The configuration aggregator does not exist.")
	}
	return r.selectMachines(func(Instance) bool { return true })
}

var (
	configQuery = regexp.MustCompile(`^SELECT resourceId, awsRegion, tags, configuration\.state\.name WHERE (.+)$`)
	configEqual = regexp.MustCompile(`^(resourceType|accountId|tags\.tag) = '((?:[^']|'')*)'$`)
	configIn    = regexp.MustCompile(`^awsRegion IN \(('[a-z0-9-]+'(?:, '[a-z0-9-]+')*)\)$`)
)

// selectMachines answers the one form of query that it knows, and refuses any
// other: what it took for something else would be tested by nobody.
func (r *request) selectMachines(visible func(Instance) bool) (doc, error) {
	m := configQuery.FindStringSubmatch(r.text("Expression"))
	if m == nil {
		return nil, refusal("InvalidExpressionException", "The syntax of the query is incorrect.")
	}
	var rows []row
	for _, id := range sortedKeys(r.w.instances) {
		i := r.w.instances[id]
		through := visible(i)
		for _, condition := range strings.Split(m[1], " AND ") {
			ok, known := i.configured(condition)
			if !known {
				return nil, refusal("InvalidExpressionException", "The syntax of the query is incorrect near %s.", condition)
			}
			through = through && ok
		}
		if through {
			rows = append(rows, row{id, i.configuration()})
		}
	}
	return r.page("Results", rows)
}

// configured reports whether a condition holds of i, and whether it is one.
func (i Instance) configured(condition string) (holds, known bool) {
	if m := configIn.FindStringSubmatch(condition); m != nil {
		return slices.Contains(strings.Split(m[1], ", "), "'"+i.Region+"'"), true
	}
	m := configEqual.FindStringSubmatch(condition)
	if m == nil {
		return false, false
	}
	value := strings.ReplaceAll(m[2], "''", "'")
	switch m[1] {
	case "resourceType":
		return value == "AWS::EC2::Instance", true
	case "accountId":
		return value == i.Account, true
	}
	for key, has := range i.Tags {
		if key+"="+has == value {
			return true, true
		}
	}
	return false, true
}

// configuration is a machine as AWS Config answers it: JSON in a text.
func (i Instance) configuration() string {
	type tag struct {
		Key   string `json:"key"`
		Value string `json:"value"`
		Tag   string `json:"tag"`
	}
	tags := []tag{}
	for _, key := range sortedKeys(i.Tags) {
		tags = append(tags, tag{key, i.Tags[key], key + "=" + i.Tags[key]})
	}
	name := i.State
	orDefault(&name, running)
	text, err := json.Marshal(map[string]any{
		"resourceId": i.ID, "awsRegion": i.Region, "tags": tags, "configuration": map[string]any{"state": map[string]any{"name": name}},
	})
	if err != nil {
		panic(err) // texts encode
	}
	return string(text)
}
