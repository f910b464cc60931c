using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;
using Fleet.Platform;
using Spectre.Console;

namespace Fleet.Cli.Terminal;

/// <summary>
/// The two streams a command writes to. Results go to standard output: tables for people, or with <c>--json</c> exactly one
/// document. Progress and errors go to standard error, so that a pipe or a script reads results only.
/// </summary>
/// <param name="output">Results.</param>
/// <param name="error">Progress, questions and errors.</param>
/// <param name="outputIsTerminal">True when results are read by a person.</param>
/// <param name="errorIsTerminal">True when progress can be redrawn.</param>
/// <param name="width">Columns.</param>
/// <param name="environment">Environment variables by name.</param>
/// <param name="time">The clock.</param>
/// <param name="answers">What a person answers; null when nobody can be asked.</param>
internal sealed class Shell(
    TextWriter output, TextWriter error, bool outputIsTerminal, bool errorIsTerminal, int width, Func<string, string?> environment,
    TimeProvider time,
    TextReader? answers = null)
{
    private readonly IAnsiConsole _output = Console(output, outputIsTerminal, width);
    private bool _hasJson;

    /// <summary>The process's own console.</summary>
    public static Shell OfThisProcess()
    {
        var errorIsTerminal = !System.Console.IsErrorRedirected;
        var outputIsTerminal = !System.Console.IsOutputRedirected;
        var plain = Environment.GetEnvironmentVariable("TERM") is "dumb"
            || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        return new Shell(
            System.Console.Out, System.Console.Error, outputIsTerminal && !plain, errorIsTerminal && !plain,
            outputIsTerminal || errorIsTerminal ? Math.Max(60, System.Console.WindowWidth) : int.MaxValue,
            Environment.GetEnvironmentVariable, TimeProvider.System, errorIsTerminal && !System.Console.IsInputRedirected
                ? System.Console.In
                : null);
    }

    /// <summary>Environment variables by name.</summary>
    public Func<string, string?> Environmental => environment;

    /// <summary>The clock.</summary>
    public TimeProvider Time => time;

    /// <summary>Standard error, for help and usage errors.</summary>
    public TextWriter Error => error;

    /// <summary>Standard output, as it is.</summary>
    public TextWriter Output => output;

    /// <summary>Where live progress is drawn: true when standard error is a terminal that can redraw.</summary>
    public bool Live => errorIsTerminal;

    /// <summary>Standard error with colours and redrawing where it can.</summary>
    public IAnsiConsole ProgressConsole { get; } = Console(error, errorIsTerminal, width);

    /// <summary>Columns of the terminal.</summary>
    public int Width => Math.Min(width, 160);

    /// <summary>Writes one JSON document.</summary>
    public void WriteJson<T>(T value, JsonTypeInfo<T> type)
    {
        // The one place where reflection could sneak in is avoided: the indented twin has the same generated metadata.
        var indented = FleetJson.Indented.GetTypeInfo(typeof(T)) as JsonTypeInfo<T> ?? type;
        output.WriteLine(JsonSerializer.Serialize(value, indented));
        _hasJson = true;
    }

    /// <summary>Writes what went wrong as the one JSON document; nothing where there is one already.</summary>
    /// <param name="lines">The error, and what to know of it.</param>
    public void WriteJsonError(IReadOnlyList<string> lines)
    {
        if (_hasJson) return;
        var document = new JsonObject { ["error"] = string.Join(' ', lines) };
        output.WriteLine(document.ToJsonString(FleetJson.Indented.Options));
    }

    /// <summary>Writes a line for people.</summary>
    public void WriteLine(string line = "") => output.WriteLine(PlainText.Lines(line));

    /// <summary>
    /// Writes a sentence: on a terminal it is wrapped between words. What people copy goes by <see cref="WriteLine"/>, which leaves
    /// lines whole.
    /// </summary>
    public void WriteSentence(string text)
    {
        var plain = PlainText.Lines(text);
        if (outputIsTerminal) _output.WriteLine(plain);
        else output.WriteLine(plain);
    }

    /// <summary>Writes a heading: bold on a terminal.</summary>
    public void WriteHeading(string text)
    {
        var plain = PlainText.Line(text);
        if (outputIsTerminal) _output.MarkupLineInterpolated($"[bold]{plain}[/]");
        else output.WriteLine(plain);
    }

    /// <summary>Writes a table; what a narrow terminal has no room for is named.</summary>
    public void Write(Sheet sheet)
    {
        if (!outputIsTerminal)
        {
            sheet.WritePlain(output);
            return;
        }
        var (table, leftOut) = sheet.ToRenderable(Width);
        _output.Write(table);
        if (leftOut.Count == 0) return;
        _output.MarkupLineInterpolated($"[dim]Left out for want of room: {string.Join(", ", leftOut)}. --json has everything.[/]");
    }

    /// <summary>Writes what went wrong; the first line is the headline.</summary>
    public void WriteError(IReadOnlyList<string> lines)
    {
        var console = ProgressConsole;
        for (var i = 0; i < lines.Count; i++)
        {
            var line = PlainText.Lines(lines[i]);
            if (!errorIsTerminal) error.WriteLine(i == 0 ? $"fleet: {line}" : $"  {line}");
            else if (i == 0) console.MarkupLineInterpolated($"[red]fleet:[/] {line}");
            else console.MarkupLineInterpolated($"  {line}");
        }
    }

    /// <summary>True when there is a person to ask.</summary>
    public bool CanAsk => answers is not null;

    /// <summary>Asks a person; everything but a clear yes is a no.</summary>
    public async Task<bool> AskAsync(string question, CancellationToken cancellationToken)
    {
        await error.WriteAsync($"{PlainText.Lines(question)} [y/N] ");
        await error.FlushAsync(cancellationToken);
        // A terminal's reader cannot be cancelled: it waits on a thread of its own, which Ctrl+C leaves behind.
        var answer = await Task.Run(() => answers?.ReadLine(), CancellationToken.None).WaitAsync(cancellationToken);
        return answer?.Trim() is "y" or "Y" or "yes" or "Yes";
    }

    /// <summary>A remark for a person, on standard error: what to do next, or that waiting has ended.</summary>
    public void WriteHint(string line)
    {
        var plain = PlainText.Lines(line);
        if (errorIsTerminal) ProgressConsole.MarkupLineInterpolated($"[dim]{plain}[/]");
        else error.WriteLine(plain);
    }

    private static IAnsiConsole Console(TextWriter writer, bool terminal, int width)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = terminal ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = terminal ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = terminal ? InteractionSupport.Yes : InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = Math.Min(width, 10_000);
        return console;
    }
}
