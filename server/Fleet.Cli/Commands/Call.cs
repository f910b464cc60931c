using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Commands;

/// <summary>What one verb is given when it runs.</summary>
internal sealed class Call(Shell shell, ParseResult parsed, FleetClient client)
{
    /// <summary>The server.</summary>
    public FleetClient Client => client;

    /// <summary>Where it writes.</summary>
    public Shell Shell => shell;

    /// <summary>True when the result is to be one JSON document.</summary>
    public bool Json => Verb.AsksJson(parsed);

    /// <summary>The clock's now.</summary>
    public DateTimeOffset Now => shell.Time.GetUtcNow();

    /// <summary>What was written after the verb.</summary>
    public ParseResult Parsed => parsed;

    public T Get<T>(Argument<T> argument) => parsed.GetRequiredValue(argument);

    /// <summary>An argument that may be left out.</summary>
    public T? Find<T>(Argument<T> argument) => parsed.GetValue(argument);

    public T? Get<T>(Option<T> option) => parsed.GetValue(option);

    /// <summary>Asks before something that cannot be taken back, unless <c>--yes</c> was given.</summary>
    /// <param name="question">What is about to happen, as a question and what follows from it.</param>
    /// <param name="cancellationToken">Ends the question without an answer.</param>
    /// <exception cref="FleetException">The answer was no, or there is nobody to ask: a script says <c>--yes</c>.</exception>
    /// <exception cref="OperationCanceledException">Ctrl+C was the answer.</exception>
    public async Task ConfirmAsync(string question, CancellationToken cancellationToken)
    {
        if (Verb.SaysYes(parsed)) return;
        if (!shell.CanAsk)
            throw new FleetException(question, "There is no terminal to answer on: repeat the command with --yes.")
            { Code = ExitCode.Usage };
        if (!await shell.AskAsync(question, cancellationToken)) throw new FleetException("Nothing was changed.");
    }

    /// <summary>Shows a result: as the contract's record with <c>--json</c>, else as <paramref name="forPeople"/> writes it.</summary>
    public void Show<T>(T value, JsonTypeInfo<T> type, Action<Shell> forPeople)
    {
        if (Json) shell.WriteJson(value, type);
        else forPeople(shell);
    }
}
