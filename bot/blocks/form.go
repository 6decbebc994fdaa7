package blocks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// The block ids of the form's inputs. A field of the flow has fieldPrefix
// before its name.
const (
	blockTarget   = "target"
	blockDuration = "duration"
	blockReason   = "reason"
	blockIncident = "incident"
	blockConfirm  = "confirm"
	fieldPrefix   = "field."
)

const (
	maxOptions = 100
	// maxSuggestions bounds the answer to a type-ahead in bytes: Slack drops
	// an acknowledgement of 20 KB without a word.
	maxSuggestions = 18_000
	maxInput       = 3000
)

// A Form is the modal that asks for access.
type Form struct {
	// Targets are those that the person may ask for. Over a hundred are looked
	// up while typing.
	Targets []access.Target
	// Target is the chosen one. While it is zero, the form asks for nothing
	// that depends on it.
	Target    access.Target
	Durations []time.Duration
	Duration  time.Duration // preselected, if among Durations
	Reason    string
	Fields    []Field
	Values    map[string]string // of the fields, by name
	// Decides says who will decide, or that nobody has to.
	Decides string
	// Machines says which ones the target matches now, if it is about some.
	Machines string
	// Alert is what is wrong with the form as a whole.
	Alert string
	// Meta comes back with the submission.
	Meta string
}

// A Field is something that a flow's form asks for. The zero Type is a
// string.
type Field struct {
	Name, Label string
	Type        string // string, int, bool or select
	Hint        string
	Options     []string // of a select
	Min, Max    *int     // of an int
	MaxLength   int      // of a string
	Required    bool
}

// View returns the modal. Its block ids do not depend on the target, so that
// what was typed survives another choice; so does what was chosen, as long as
// the same is offered.
func (f Form) View() slack.ModalViewRequest {
	v := modal("Request access", "Send Request", CallbackForm)
	v.PrivateMetadata = cut(f.Meta, maxText)
	if f.Alert != "" {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, alert(slack.AlertLevelError, f.Alert))
	}
	v.Blocks.BlockSet = append(v.Blocks.BlockSet, f.targetInput())
	if f.Target.Name != "" {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, f.conditions())
	}
	if len(f.Durations) > 0 {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, f.durationInput())
	}
	v.Blocks.BlockSet = append(v.Blocks.BlockSet, f.reasonInput())
	for _, field := range f.Fields {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, field.input(f.Values[field.Name]))
	}
	return v
}

func alert(level slack.AlertLevel, text string) *slack.AlertBlock {
	return slack.NewAlertBlock(plain(visible(text), maxText), slack.AlertBlockOptionLevel(level))
}

func modal(title, submit, callback string) slack.ModalViewRequest {
	v := slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain(title, maxTitle), Close: plain("Cancel", maxTitle), CallbackID: callback,
	}
	if submit != "" {
		v.Submit = plain(submit, maxTitle)
	}
	return v
}

func (f Form) targetInput() *slack.InputBlock {
	s := &slack.SelectBlockElement{ActionID: ActionTarget, Placeholder: plain("Choose a target", maxValue)}
	if len(f.Targets) > maxOptions {
		none := 0 // else Slack waits for three characters before it asks
		s.Type, s.MinQueryLength = slack.OptTypeExternal, &none
	} else {
		s.Type, s.Options = slack.OptTypeStatic, targetOptions(f.Targets)
	}
	if f.Target.Name != "" {
		s.InitialOption = targetOption(f.Target)
	}
	in := slack.NewInputBlock(blockTarget, plain("Target", maxLabel), nil, s)
	return in.WithDispatchAction(true)
}

func targetOptions(targets []access.Target) []*slack.OptionBlockObject {
	var all []*slack.OptionBlockObject
	for _, t := range targets[:min(len(targets), maxOptions)] {
		all = append(all, targetOption(t))
	}
	return all
}

func targetOption(t access.Target) *slack.OptionBlockObject {
	text := oneLine(t.Name)
	if t.Label != "" && t.Label != t.Name {
		text += " – " + oneLine(t.Label)
	}
	return slack.NewOptionBlockObject(or(cut(t.Name, maxValue), "–"), plain(text, maxOption), nil)
}

// Options is the answer to a type-ahead. Slack wants the list also when it is
// empty.
type Options struct {
	Options []*slack.OptionBlockObject `json:"options"`
}

// Suggestions answers a type-ahead with as many targets as fit into an
// acknowledgement.
func Suggestions(targets []access.Target) Options {
	a := Options{Options: []*slack.OptionBlockObject{}}
	size := 0
	for _, o := range targetOptions(targets) {
		// An option holds strings only, so it can be encoded.
		b, _ := json.Marshal(o)
		if size += len(b) + 1; size > maxSuggestions {
			break
		}
		a.Options = append(a.Options, o)
	}
	return a
}

// conditions says what comes with the target: who decides, whether calls are
// recorded, and the overhang.
func (f Form) conditions() slack.Block {
	var all []*slack.TextBlockObject
	if f.Decides != "" {
		all = append(all, plain(oneLine(f.Decides), maxText))
	}
	if f.Machines != "" {
		all = append(all, plain(oneLine(f.Machines), maxText))
	}
	return contextOf(append(all, plain(f.comesWith(), maxText))...)
}

// comesWith says what comes with the target, whoever decides.
func (f Form) comesWith() string {
	text := conditions(Case{Request: access.Request{Target: f.Target}})
	if f.Target.Recorded {
		text += " Calls are recorded by Sesame."
	}
	return strings.TrimSpace(text)
}

func (f Form) durationInput() *slack.InputBlock {
	s := &slack.SelectBlockElement{Type: slack.OptTypeStatic, ActionID: ActionAnswer}
	for _, d := range f.Durations[:min(len(f.Durations), maxOptions)] {
		o := slack.NewOptionBlockObject(d.String(), plain(access.Spoken(d), maxOption), nil)
		s.Options = append(s.Options, o)
		if d == f.Duration {
			s.InitialOption = o
		}
	}
	s.ActionID = answerAmong(s.Options)
	return slack.NewInputBlock(blockDuration, plain("Duration", maxLabel), nil, s)
}

func (f Form) reasonInput() *slack.InputBlock {
	e := slack.NewPlainTextInputBlockElement(nil, ActionAnswer)
	e.Multiline, e.MaxLength = true, reasonLength
	e.InitialValue = cut(visible(f.Reason), reasonLength)
	hint := plain("The approver and the auditor read it.", maxHint)
	return slack.NewInputBlock(blockReason, plain("Reason", maxLabel), hint, e)
}

// reasonLength is how long a reason may be in the form. The Desk counts bytes
// and says what is wrong with a longer one.
const reasonLength = 2000

func (f Field) input(value string) *slack.InputBlock {
	in := slack.NewInputBlock(cut(fieldPrefix+f.Name, maxID), plain(or(oneLine(f.Label), f.Name), maxLabel), nil, f.element(value))
	if hint := oneLine(f.Hint); hint != "" {
		in.Hint = plain(capital(hint), maxHint)
	}
	return in.WithOptional(!f.Required)
}

func (f Field) element(value string) slack.BlockElement {
	switch f.Type {
	case "int":
		e := slack.NewNumberInputBlockElement(nil, ActionAnswer, false)
		e.MinValue, e.MaxValue = number(f.Min), number(f.Max)
		if _, err := strconv.Atoi(value); err == nil {
			e.InitialValue = value
		}
		return e
	case "bool":
		yes, no := choice("true", "Yes"), choice("false", "No")
		e := slack.NewRadioButtonsBlockElement(ActionAnswer, yes, no)
		e.InitialOption = chosen(e.Options, value)
		return e
	case "select":
		e := &slack.SelectBlockElement{Type: slack.OptTypeStatic, ActionID: ActionAnswer}
		for _, o := range f.Options[:min(len(f.Options), maxOptions)] {
			e.Options = append(e.Options, choice(o, oneLine(o)))
		}
		e.InitialOption = chosen(e.Options, value)
		e.ActionID = answerAmong(e.Options)
		return e
	default:
		e := slack.NewPlainTextInputBlockElement(nil, ActionAnswer)
		e.MaxLength = min(or0(f.MaxLength, maxInput), maxInput)
		e.InitialValue = cut(visible(value), e.MaxLength)
		return e
	}
}

// answerAmong returns an action id that is the same for the same options. Slack
// keeps what was chosen for as long as block and action are the same, also when
// it is not offered any more; with other options the choice starts anew.
func answerAmong(options []*slack.OptionBlockObject) string {
	sum := sha256.New()
	for _, o := range options {
		sum.Write([]byte(o.Value + "\x00"))
	}
	return ActionAnswer + "." + hex.EncodeToString(sum.Sum(nil)[:4])
}

func choice(value, text string) *slack.OptionBlockObject {
	return slack.NewOptionBlockObject(or(cut(value, maxValue), "–"), plain(text, maxOption), nil)
}

func chosen(options []*slack.OptionBlockObject, value string) *slack.OptionBlockObject {
	for _, o := range options {
		if o.Value == value {
			return o
		}
	}
	return nil
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func or0(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Errors returns what to answer to a submission with problems, by block: the
// sentences stand below their inputs. What belongs to no input of the form
// stands below the target, since Slack takes no errors for other blocks.
func (f Form) Errors(problems map[string]string) map[string]string {
	return errorsAt(f.inputs(), blockTarget, problems)
}

// inputs returns the blocks of the form that take an answer.
func (f Form) inputs() map[string]bool {
	inputs := map[string]bool{blockTarget: true, blockReason: true, blockDuration: len(f.Durations) > 0}
	for _, field := range f.Fields {
		inputs[fieldPrefix+field.Name] = true
	}
	return inputs
}

// errorsAt puts problems at the inputs that they are about, and the others at
// one of them.
func errorsAt(inputs map[string]bool, otherwise string, problems map[string]string) map[string]string {
	errs := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		block := fieldPrefix + name
		if !inputs[block] {
			block = name
		}
		if !inputs[block] {
			block = otherwise
		}
		errs[block] = cut(strings.TrimSpace(errs[block]+" "+oneLine(problems[name])), maxText)
	}
	return errs
}

// Answers are what a submitted form says.
type Answers struct {
	Target   string
	Duration time.Duration // zero for none
	Reason   string
	Incident string // of a GlassForm
	Confirm  string // what was typed to confirm it
	Values   map[string]string
}

// ReadForm returns what was submitted, or what is chosen so far.
func ReadForm(state map[string]map[string]slack.BlockAction) Answers {
	a := Answers{Values: map[string]string{}}
	for block, actions := range state {
		for _, action := range actions {
			text := answer(action)
			switch name, isField := strings.CutPrefix(block, fieldPrefix); {
			case isField:
				a.Values[name] = text
			case block == blockTarget:
				a.Target = text
			case block == blockDuration:
				// What is no duration is none, and refused as that.
				a.Duration, _ = time.ParseDuration(text)
			case block == blockReason:
				a.Reason = text
			case block == blockIncident:
				a.Incident = text
			case block == blockConfirm:
				a.Confirm = text
			}
		}
	}
	return a
}

func answer(a slack.BlockAction) string {
	return or(a.SelectedOption.Value, a.Value)
}

// Waiting returns a modal that only says something: what is being done, when
// more than memory is needed to go on, or why it does not go on.
func Waiting(doing string) slack.ModalViewRequest {
	v := modal("Request access", "", "")
	v.Close = plain("Close", maxTitle)
	v.Blocks.BlockSet = []slack.Block{paragraphs(phrase{{text: or(cut(paragraph(doing), maxText), "–")}})}
	return v
}

// DenyForm returns the modal that asks why c is denied.
func DenyForm(c Case) slack.ModalViewRequest {
	v := modal("Deny request", "Deny Request", CallbackDeny)
	v.PrivateMetadata = Value(c)
	e := slack.NewPlainTextInputBlockElement(nil, ActionAnswer)
	e.Multiline, e.MaxLength = true, reasonLength
	in := slack.NewInputBlock(blockReason, plain("Reason", maxLabel), plain("The requester reads it.", maxHint), e)
	v.Blocks.BlockSet = append(asking(c), in.WithOptional(true))
	return v
}
