using System.CommandLine;
using System.Globalization;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet audit</c>: who changed or tried what, and whether that record is whole.</summary>
internal static class AuditCommand
{
    public static Command Create(Shell shell) => Verb.Noun(
        "audit", "Audit trail: who changed or tried what, and whether that record is whole.", List(shell), Verify(shell));

    private static Command List(Shell shell)
    {
        var since = Verb.Duration("--since", "Only what happened within this time.");
        var who = new Option<string?>("--who") { HelpName = "NAME", Description = "Only what this person, program or device did." };
        var limit = Verb.Limit("Most lines: the newest.", 100);
        return Verb.On(shell, "list", """
            Lists what was changed and what was refused: who, what, from where, and how it was answered.

            Examples:
              fleet audit list --since 24h
              fleet audit list --who anna --limit 1000
              fleet audit list --json | jq '.[] | select(.status >= 400)'
            """, [since, who, limit], async (call, cancellationToken) =>
        {
            var (lines, isCut) = await call.Client.ListAuditAsync(
                call.Now - call.Get(since), call.Get(who), call.Get(limit), cancellationToken);
            if (isCut) call.Shell.WriteHint($"The newest {lines.Count} lines; --limit N shows more, --since and --who narrow.");
            call.Show(lines, FleetJson.Default.IReadOnlyListAuditView, screen =>
            {
                var sheet = new Sheet(">line?", "when", "who", "what", ">answer", "from?", "changed?");
                foreach (var line in lines)
                    sheet.Add(
                        line.Number, Figures.Moment(line.At), line.Who,
                        line.Why is { } why ? $"{line.What}: {why}" : line.What, AnswerOf(line),
                        line.From, ChangesOf(line));
                screen.Write(sheet);
                if (lines.Count == 0) screen.WriteHint("No line matches. --since looks further back.");
            });
        });
    }

    private static Command Verify(Shell shell)
    {
        var line = new Option<long?>("--line") { HelpName = "N", Description = "Number of a line that was noted elsewhere." };
        var hash = new Option<string?>("--hash") { HelpName = "HASH", Description = "Its hash, as 'fleet audit verify' printed it." };
        return Verb.On(shell, "verify", """
            Checks that no line of the audit trail was changed, removed or cut off; exit code 1 if one was.

            Examples:
              fleet audit verify
              fleet audit verify --line 5124 --hash "$HASH_THAT_WAS_NOTED"
            """, [line, hash], async (call, cancellationToken) =>
        {
            if (call.Get(line) is null != call.Get(hash) is null)
                throw new FleetException("A line that was noted has a number and a hash: give both.") { Code = ExitCode.Usage };
            var found = await call.Client.VerifyAuditAsync(call.Get(line), call.Get(hash), cancellationToken);
            call.Show(found, FleetJson.Default.AuditVerification, screen =>
            {
                if (found.Problems.Count > 0) return;
                screen.WriteLine(
                    found.Last is { } last
                        ? string.Create(CultureInfo.InvariantCulture, $"The trail is whole up to line {last}, whose hash is {found.Chain}.")
                        : "The trail has no line with a hash yet.");
                screen.WriteHint("Keep both elsewhere: with --line and --hash they show that nothing before them was rewritten.");
            });
            if (found.Problems.Count > 0) throw new FleetException(["The audit trail is not whole.", .. found.Problems]);
        });
    }

    private static Cell AnswerOf(AuditView line) => line.Status switch
    {
        null => "",
        >= 400 => new Cell($"{line.Status}", Tone.Bad),
        _ => new Cell($"{line.Status}", Tone.Good),
    };

    private static string ChangesOf(AuditView line)
        => string.Join(' ', line.Changes.Select(change => change.What).Append(line.MoreChanges > 0 ? $"and {line.MoreChanges} more" : ""))
            .TrimEnd();
}
