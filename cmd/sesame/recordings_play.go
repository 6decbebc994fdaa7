package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/proxy/record"
)

// A playOptions says how a recording is played.
type playOptions struct {
	speed float64
	idle  time.Duration
	from  time.Duration
	marks bool
	raw   bool
}

func newRecordingsPlay(c *console) *cobra.Command {
	o := playOptions{}
	cmd := &cobra.Command{
		Use: "play RECORDING", Short: "Play what was shown, as it was shown", Args: exactly("a recording"),
		Long: "Plays what was shown in a session, at the pace at which it was. Ctrl-C ends it.\nWhat would do more to your terminal than draw is left out, such as its title or its\nclipboard. Where the output is no terminal, nothing is waited for.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.speed <= 0 || o.idle < 0 || o.from < 0 {
				return &misuse{errors.New("--speed is more than 0, and --idle and --from are no less"), cmd.CommandPath()}
			}
			return c.library(func(server client.Recordings) error { return c.play(cmd.Context(), server, args[0], o) })
		},
	}
	cmd.Flags().Float64Var(&o.speed, "speed", 1, "how many times as fast")
	cmd.Flags().DurationVar(&o.idle, "idle", 0, "wait no longer than this where nothing happened; 0 for as long as it took")
	cmd.Flags().DurationVar(&o.from, "from", 0, "begin so long after the session began")
	o.addFlags(cmd)
	return c.jsonFlag(cmd)
}

func (o *playOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.marks, "marks", false, "show what happened around the session, between its output")
	cmd.Flags().BoolVar(&o.raw, "raw", false, "let everything through to your terminal: only where you trust who was recorded")
}

func (c *console) play(ctx context.Context, server client.Recordings, id string, o playOptions) error {
	f, r, err := open(ctx, server, id, api.Viewing{Look: api.LookPlay}, o.from)
	if err != nil {
		return err
	}
	if c.json {
		return c.exportJSON(ctx, merged{f}, r)
	}
	s := c.newScreen(r, o)
	s.introduce(f.head)
	played := s.play(ctx, f)
	s.rest()
	if errors.Is(played, context.Canceled) {
		return nil // to be interrupted is one way to end this
	}
	if played == nil {
		s.conclude(r)
	}
	return played
}

// A screen is what a recording is shown on.
type screen struct {
	*console
	o        playOptions
	terminal bool
	tamer    record.Tamer
	buf      []byte
	due      time.Time     // when what is next is shown
	at       time.Duration // of what was shown last
}

func (c *console) newScreen(r api.Recording, o playOptions) *screen {
	o.marks = o.marks || r.Only != ""
	return &screen{console: c, o: o, terminal: terminalOf(c.out) >= 0, due: c.clock.Now(), at: o.from}
}

// terminalOf is the descriptor of a terminal, or -1.
func terminalOf(w any) int {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return int(f.Fd())
	}
	return -1
}

// introduce says what size the terminal was, if this one's is smaller.
func (s *screen) introduce(head string) {
	if !s.terminal {
		return
	}
	was, err := record.SizeOf([]byte(head))
	cols, rows, sizeErr := term.GetSize(terminalOf(s.out))
	if err == nil && sizeErr == nil && (was.Cols > cols || was.Rows > rows) {
		fmt.Fprintf(s.err, "This was recorded on %dx%d, and your terminal is %dx%d: some of it will not be where it was.\n", was.Cols, was.Rows, cols, rows)
	}
	if s.o.from > 0 {
		fmt.Fprint(s.out, "\x1b[2J\x1b[H")
	}
}

// play shows events until there are no more.
func (s *screen) play(ctx context.Context, f *feed) error {
	for {
		l, ok, err := f.pop(ctx)
		if err != nil || !ok {
			return err
		}
		if err := s.wait(ctx, l.At); err != nil {
			return err
		}
		if err := s.show(l); err != nil {
			return err
		}
	}
}

// wait waits for as long as it took to an event, or is to seem to have.
func (s *screen) wait(ctx context.Context, at time.Duration) error {
	gap := max(0, at-s.at)
	s.at = max(s.at, at)
	if !s.terminal || gap == 0 {
		return context.Cause(ctx)
	}
	if s.o.idle > 0 {
		gap = min(gap, s.o.idle)
	}
	s.due = s.due.Add(time.Duration(float64(gap) / s.o.speed))
	return clock.Wait(ctx, s.clock, s.due)
}

// show shows an event.
func (s *screen) show(l record.Line) (err error) {
	switch {
	case l.Code == 'o' && s.o.raw:
		_, err = s.out.Write(l.AppendText(s.buf[:0]))
	case l.Code == 'o':
		s.buf = s.tamer.Append(s.buf[:0], l.AppendText(nil))
		_, err = s.out.Write(s.buf)
	case l.Code == 'm' && s.o.marks:
		_, err = fmt.Fprintf(s.out, "%s\r\n", s.paint(cell{"-- " + printable(l.Text()), dim}))
	}
	return err
}

// rest makes the terminal what it was.
func (s *screen) rest() {
	if s.terminal {
		_, _ = s.out.Write(append(s.tamer.AppendRest(nil), '\r', '\n')) // nothing is to be done about it
	}
}

// conclude says how the session ended.
func (s *screen) conclude(r api.Recording) {
	if terminalOf(s.err) < 0 {
		return
	}
	text := "The session goes on: sesame recordings watch " + r.ID + " follows it."
	if r.State != api.RecordingOpen {
		text = "The session ended after " + lengthOf(r, r.EndedAt) + ": " + r.Why + "."
	}
	fmt.Fprintln(s.err, s.paint(cell{printable(text), dim}))
}

func newRecordingsWatch(c *console) *cobra.Command {
	o := playOptions{speed: 1}
	cmd := &cobra.Command{
		Use: "watch RECORDING", Short: "Follow a session as it happens", Args: exactly("a recording"),
		Long: "Shows what was shown last in a session that goes on, and follows it until it ends or\nyou press Ctrl-C. The session does not wait for you: what you are too slow for is\nskipped, and that it was is said.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.library(func(server client.Recordings) error { return c.watch(cmd.Context(), server, args[0], o) })
		},
	}
	o.addFlags(cmd)
	return c.jsonFlag(cmd)
}

func (c *console) watch(ctx context.Context, server client.Recordings, id string, o playOptions) error {
	view, err := server.View(ctx, id, api.Viewing{Look: api.LookWatch})
	if err != nil {
		return err
	}
	s := c.newScreen(view.Recording, o)
	watched := s.follow(ctx, server, view.ID)
	if !c.json {
		s.rest()
	}
	if errors.Is(watched, context.Canceled) {
		return nil
	}
	if watched == nil && !c.json {
		fmt.Fprintln(c.err, c.paint(cell{"The session ended: sesame recordings show " + id + " says why.", dim}))
	}
	return watched
}

// follow shows what comes until the session ends.
func (s *screen) follow(ctx context.Context, server client.Recordings, view string) error {
	q := api.ReadQuery{Live: true, Offset: -1}
	for {
		part, err := server.Read(ctx, view, q)
		if err != nil {
			return err
		}
		if part.Skipped > 0 && q.Offset >= 0 {
			fmt.Fprintln(s.err, s.paint(cell{fmt.Sprintf("-- %s were skipped: you were too slow for them", sizeOf(part.Skipped)), yellow}))
		}
		if _, err := record.Lines([]byte(part.Text), 0, s.live); err != nil {
			return err
		}
		if part.Over {
			return nil
		}
		q.Offset = part.Offset
		// Where much is shown, an answer comes at once each time; a login makes
		// so many calls and no more.
		wall := clock.System{}
		if err := clock.Wait(ctx, wall, wall.Now().Add(pollEvery)); err != nil {
			return err
		}
	}
}

// pollEvery is how often whoever watches asks at most.
const pollEvery = 100 * time.Millisecond

// live shows an event now.
func (s *screen) live(l record.Line) error {
	if s.json {
		return s.printEvent(l, false)
	}
	return s.show(l)
}
