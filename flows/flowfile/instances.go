package flowfile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sesame/flows/access"
)

// ParamInstances is the name in access.Target.Params of what ParseInstances
// reads.
const ParamInstances = "instances"

const shapeInstances = "instances"

// Instances say which machines a target is about. The zero Instances are none
// in particular.
type Instances struct {
	// Tags are those that a machine has, all of them.
	Tags map[string]string `json:"tags"`
	// Regions are where they are looked for.
	Regions []string `json:"regions"`
	// Config has AWS Config asked for them, and Aggregator one that collects
	// what several accounts have.
	Config     bool   `json:"config,omitempty"`
	Aggregator string `json:"aggregator,omitempty"`
}

// ParseInstances reads what a target says about machines.
func ParseInstances(params map[string]string) (Instances, error) {
	var i Instances
	if text := params[ParamInstances]; text != "" {
		if err := json.Unmarshal([]byte(text), &i); err != nil {
			return Instances{}, fmt.Errorf("read %s: %w", ParamInstances, err)
		}
	}
	return i, nil
}

// Spoken names the tags for people: "Department FrontEnd, env prod".
func (i Instances) Spoken() string {
	var all []string
	for key, value := range i.Tags {
		all = append(all, key+" "+value)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

var aggregatorShape = regexp.MustCompile(`^[\w-]{1,256}$`)

func instancesKey() Key {
	return Key{Name: ParamInstances, Doc: "The machines that the target is about, by their tags: the form, the message with the access and sesame targets instances list those that match. Only for aws_partner is anything allowed by it: grants reach these machines in these regions, and no others. For aws_principal_tags, sessions on them are ended with the grant, and are looked for in these regions alone, so that the policy of people is to open none elsewhere; without it, they are looked for in all regions of the account. Not for aws_sso and aws_group, whose accounts Sesame does not look into. Optional.", Value: object(shapeInstances)}
}

func instancesShape() Shape {
	return Shape{shapeInstances, "Machines of EC2, by what is said of them. Sesame looks for them with the role of the strategy, which needs ec2:DescribeInstances and ssm:DescribeInstanceInformation; to end sessions on them, it needs what sesame policy generate server-role writes.", []Key{
		{Name: "tags", Doc: "The tags that they have, each with its value.", Value: namedOf(plainText()), Required: true},
		{Name: "regions", Doc: "Where they are. Optional, default the region of the strategy.", Value: listOf(looking(regionShape.String()))},
		{Name: "config", Doc: "Whether AWS Config is asked for them, which has no limits of EC2 and is a little behind; then the role needs config:SelectResourceConfig. Optional, default false.", Value: of(Truth)},
		{Name: "aggregator", Doc: "The aggregator of AWS Config that is asked, in place of config; then the role needs config:SelectAggregateResourceConfig. Optional.", Value: looking(aggregatorShape.String())},
	}}
}

// instances reads which machines a target is about.
func (d *draft) instances(n *node, target string) string {
	var i Instances
	d.object(n, "instances of target "+target, shapeInstances, keys{
		"tags": func(n *node) { i.Tags = d.instanceTags(n, target) },
		"regions": func(n *node) {
			i.Regions = d.texts(n, "a region", func(item *node) string {
				return d.shaped(item, "a region", regionShape, "write it as us-east-1")
			})
		},
		"config": func(n *node) { i.Config = d.truth(n, "config") },
		"aggregator": func(n *node) {
			i.Aggregator = d.shaped(n, "the name of an aggregator", aggregatorShape, "letters, digits, _ and -")
		},
	})
	if v := n.get("aggregator"); v != nil && i.Config {
		d.add(v.pos, "either config or an aggregator is asked", "leave one of the two out")
	}
	return encodeParam(i)
}

func (d *draft) instanceTags(n *node, target string) map[string]string {
	tags := d.tags(n, target)
	seen := map[string]string{} // by their keys in lower case
	for _, p := range n.pairs {
		key, value := p.key.text, tags[p.key.text]
		if !isTag(tagKeyShape, key) || value == "" || !isTag(tagValueShape, value) {
			d.add(p.key.pos, fmt.Sprintf("no machine is found by the tag %q with the value %q", key, value), "write letters, digits, blanks within and _.:/=+-@, without wildcards")
		}
		lower := strings.ToLower(key)
		if first, twice := seen[lower]; twice {
			d.add(p.key.pos, fmt.Sprintf("the tags %s and %s are one to a policy, so that no machine would do", first, key), "leave one of them out")
		}
		seen[lower] = key
	}
	if n.kind == mapping && len(n.pairs) == 0 {
		d.add(n.pos, "machines are found by at least one tag", "without one, all of the account would be meant")
	}
	return tags
}

// fitInstances completes what a target says about machines, or notes that
// nobody can look for them.
func (d *draft) fitInstances(t *access.Target, n *node) {
	v := n.get(ParamInstances)
	if v == nil {
		return
	}
	if t.Way != WayRole && t.Way != WayPartner && !UsesIAM(t.Way) {
		if !v.inherited {
			d.add(v.pos, fmt.Sprintf("target %s has instances, and Sesame cannot look into its account by a strategy of type %s", t.Name, t.Way), "use a type with a role_arn")
		}
		delete(t.Params, ParamInstances)
		return
	}
	i, err := ParseInstances(t.Params)
	if err == nil && len(i.Regions) == 0 {
		i.Regions = []string{t.Params[ParamRegion]}
	}
	t.Params[ParamInstances] = encodeParam(i)
}
