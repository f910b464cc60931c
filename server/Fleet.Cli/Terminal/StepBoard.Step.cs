using Fleet.Platform;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Fleet.Cli.Terminal;

/// <summary>One step of the board, and how it is drawn.</summary>
internal sealed partial class StepBoard
{
    /// <summary>How a step stands.</summary>
    internal enum StepState
    {
        Running,
        Done,
        Failed,

        /// <summary>Nobody waits for it any more.</summary>
        Left,
    }

    /// <summary>One step.</summary>
    internal sealed class Step(StepBoard board, string title, TimeSpan startedAt, bool goesOn)
    {
        private const string Spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

        private StepState _state;
        private double? _fraction;
        private int _tenthsWritten;

        /// <summary>What it is.</summary>
        public string Title => title;

        /// <summary>What it is at, and at the end what came of it.</summary>
        public string Detail { get; private set; } = "";

        /// <summary>True once <see cref="Failure"/> was told.</summary>
        public bool WentWrong { get; private set; }

        /// <summary>True where a server works at it that outlives this program, and goes on when nobody waits for it any more.</summary>
        public bool GoesOn => goesOn;

        /// <summary>How long it took.</summary>
        public TimeSpan Took { get; private set; }

        /// <summary>Says what happens now and, where known, how much of the step is done (0 to 1).</summary>
        public void Say(string detail, double? fraction = null)
        {
            detail = PlainText.Line(detail);
            bool news;
            lock (board._gate)
            {
                // In a file a line for every percent would bury the rest: a new wording or a new tenth is news.
                var tenths = (int)(10 * (fraction ?? 0));
                news = Wording(detail) != Wording(Detail) || tenths > _tenthsWritten;
                (Detail, _fraction) = (detail, fraction);
                if (news) _tenthsWritten = tenths;
            }
            if (news && detail.Length > 0)
                board.WriteLine(fraction is { } share ? FormattableString.Invariant($"  {100 * share,3:0} %  {detail}") : $"  {detail}");
        }

        /// <summary>Says what came of it, just before it ends.</summary>
        public void Result(string result)
        {
            lock (board._gate) (Detail, _fraction) = (PlainText.Line(result), null);
        }

        /// <summary>Says what went wrong, just before it ends: what it worked at failed, although nothing was thrown.</summary>
        public void Failure(string result)
        {
            Result(result);
            WentWrong = true;
        }

        internal void End(StepState state, TimeSpan now)
        {
            lock (board._gate) (_state, Took) = (state, now - startedAt);
        }

        internal IEnumerable<IRenderable> Draw(TimeSpan now, int width)
        {
            var took = DurationText.Of(_state == StepState.Running ? now - startedAt : Took);
            var mark = _state switch
            {
                StepState.Done => "[green]✓[/]",
                StepState.Failed => "[red]✗[/]",
                StepState.Left => "[yellow]–[/]",
                _ => $"[yellow]{Spinner[(int)(now.TotalMilliseconds / 200) % Spinner.Length]}[/]",
            };
            // The terminal writes ^C where the cursor is: room for it keeps the redrawn lines in place.
            var room = Math.Max(20, width - took.Length - 8);
            var heading = Markup.Escape(Cut(title, room).PadRight(room));
            yield return new Markup($"{mark} {(_state == StepState.Running ? $"[bold]{heading}[/]" : heading)} [dim]{took}[/]");
            if (_state != StepState.Running)
            {
                if (Detail.Length > 0) yield return new Padder(new Markup($"[dim]{Markup.Escape(Detail)}[/]"), new Padding(2, 0, 0, 0));
                yield break;
            }
            if (_fraction is { } share)
            {
                const int bar = 24;
                var filled = Charts.Bar(share, bar);
                var rest = new string('░', bar - filled.Length);
                yield return new Markup(
                    $"  [blue]{filled}[/][dim]{rest}[/] {100 * share,3:0} %  [dim]{Markup.Escape(Cut(Detail, width - bar - 12))}[/]");
            }
            else if (Detail.Length > 0)
            {
                yield return new Markup($"  [dim]{Markup.Escape(Cut(Detail, width - 4))}[/]");
            }
        }

        private static string Wording(string detail) => new([.. detail.Where(c => !char.IsAsciiDigit(c))]);

        private static string Cut(string text, int width) => text.Length <= width ? text : text[..Math.Max(1, width - 1)] + "…";
    }
}
