package awsapi

import (
	"slices"
	"strings"
)

// Actions are the IAM actions that r needs as a call of c: those of the
// operation, and those that its parameters add. Of an unknown operation none
// are known. They are not to be changed.
func (c Call) Actions(r *Request) []string {
	if c.Known == nil {
		return nil
	}
	if c.Known.always != nil {
		return c.Known.always
	}
	var names []string
	_, query := r.split()
	for _, a := range c.Known.actions {
		if !slices.Contains(names, a.name) && a.needs(r, query) {
			names = append(names, a.name)
		}
	}
	return names
}

func (a action) needs(r *Request, query string) bool {
	switch a.place {
	case 'q':
		return hasName(query, a.needed)
	case 'h':
		return slices.ContainsFunc(r.told(a.needed, query), a.meets)
	}
	return true
}

// told are the values of a header, whose name is as net/http has it, or of all
// that begin with a name before a star. Presigned requests carry headers as
// parameters.
func (r *Request) told(name, query string) (values []string) {
	start, any := strings.CutSuffix(name, "*")
	switch {
	case !any && query == "":
		return r.Header[name]
	case !any:
		return slices.Concat(r.Header[name], hoisted(query, name))
	}
	for sent, vs := range r.Header {
		if len(sent) > len(start) && strings.EqualFold(sent[:len(start)], start) {
			values = append(values, vs...)
		}
	}
	for _, p := range readParams(nil, query) {
		if len(p.name) > len(start) && strings.EqualFold(p.name[:len(start)], start) {
			values = append(values, p.value)
		}
	}
	return values
}

// meets reports whether a value is one with which the action is needed.
func (a action) meets(value string) bool {
	switch {
	case a.within != "":
		return strings.Contains(plain(value), a.within)
	case a.but != "":
		return value != a.but
	}
	return true
}

// A Place is where the resources of a call are, for their ARNs.
type Place struct{ Partition, Region, Account string }

// Resources are the ARNs that the parameters of a call name, sorted: those
// that are ARNs already, and those that are made of names. Where a call names
// its resources in another way, or not at all, they are not among them.
func (c Call) Resources(params map[string][]string, at Place) []string {
	if c.Known == nil {
		return nil
	}
	var arns []string
	for _, pattern := range c.Known.arns {
		arns = append(arns, at.fill(pattern, params)...)
	}
	for _, values := range params {
		for _, v := range values {
			if strings.HasPrefix(v, "arn:") {
				arns = append(arns, v)
			}
		}
	}
	if source := params["CopySource"]; c.Known.Service.Name == "s3" && len(source) == 1 {
		arns = append(arns, at.copied(source[0]))
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// copied is the object that a copy is made of.
func (p Place) copied(source string) string {
	source, _, _ = strings.Cut(source, "?")
	source = strings.TrimPrefix(plain(source), "/")
	if strings.HasPrefix(source, "arn:") {
		return source
	}
	return "arn:" + p.Partition + ":s3:::" + source
}

// fill puts parameters into a pattern: nothing where one is missing, and
// several ARNs where one has several values.
func (p Place) fill(pattern string, params map[string][]string) []string {
	switch arn, values := p.fillOne(pattern, params); values {
	case 0:
		return nil
	case 1:
		return []string{arn}
	}
	arns := []string{""}
	for pattern != "" {
		before, rest, more := strings.Cut(pattern, "{")
		name, after, _ := strings.Cut(rest, "}")
		values := []string{""}
		if more {
			values = p.values(name, params)
		}
		arns = extend(arns, before, values)
		pattern = after
	}
	return arns
}

// fillOne is fill where everything in the pattern has one value, as mostly, or
// something has none. It returns how many values something has otherwise.
func (p Place) fillOne(pattern string, params map[string][]string) (string, int) {
	var room [128]byte
	arn := room[:0]
	for pattern != "" {
		before, rest, more := strings.Cut(pattern, "{")
		name, after, _ := strings.Cut(rest, "}")
		arn, pattern = append(arn, before...), after
		switch values := params[name]; {
		case !more:
		case len(values) == 0 && !placed(name):
			return "", 0
		case name == "partition":
			arn = append(arn, p.Partition...)
		case name == "region":
			arn = append(arn, p.Region...)
		case name == "account":
			arn = append(arn, p.Account...)
		case len(values) == 1 && !strings.HasPrefix(values[0], "arn:"):
			arn = append(arn, values[0]...)
		default:
			return "", len(values) + 1
		}
	}
	return string(arn), 1
}

// placed reports whether a name in a pattern is of the Place.
func placed(name string) bool { return name == "partition" || name == "region" || name == "account" }

// values are what a name in a pattern stands for. A value that is an ARN does
// not fit into another one.
func (p Place) values(name string, params map[string][]string) []string {
	switch name {
	case "partition":
		return []string{p.Partition}
	case "region":
		return []string{p.Region}
	case "account":
		return []string{p.Account}
	}
	return slices.DeleteFunc(slices.Clone(params[name]), func(v string) bool { return strings.HasPrefix(v, "arn:") })
}

// extend is every one of heads with text and each of the tails behind it.
func extend(heads []string, text string, tails []string) []string {
	var all []string
	for _, h := range heads {
		for _, t := range tails {
			if len(all) < maxValues {
				all = append(all, h+text+t)
			}
		}
	}
	return all
}
