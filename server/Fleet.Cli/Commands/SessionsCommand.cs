using System.CommandLine;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet sessions</c>: who is signed in to the pages.</summary>
internal static class SessionsCommand
{
    public static Command Create(Shell shell) => Verb.Noun(
        "sessions", "Who is signed in to the pages.", List(shell), End(shell));

    private static Command List(Shell shell) => Verb.On(shell, "list", """
        Lists who is signed in to the pages, with an API key or by a provider of identities (oidc/NAME).

        Example:
          fleet sessions list
        """, [], async (call, cancellationToken) =>
    {
        var sessions = await call.Client.ListSessionsAsync(cancellationToken);
        call.Show(sessions, FleetJson.Default.IReadOnlyListSessionView, screen =>
        {
            var sheet = new Sheet("name", "roles", "devices?", "signed in", "until", "API key?");
            foreach (var session in sessions)
                sheet.Add(
                    session.Name, string.Join(",", session.Roles), session.Filter.Length > 0 ? session.Filter : "all",
                    Figures.Moment(session.CreatedAt), Figures.Moment(session.EndsAt), session.ApiKey ?? "");
            screen.Write(sheet);
        });
    });

    private static Command End(Shell shell)
    {
        var name = new Argument<string>("NAME") { Description = "Who it is, as 'fleet sessions list' shows it." };
        return Verb.On(shell, "end", """
            Signs a person out of the pages, on all devices. Whoever has an API key, or is still let in by the provider of identities, may
            sign in again: revoke the key, or end the account there, first.

            Example:
              fleet sessions end oidc/anna
            """, [name, Verb.Yes()], async (call, cancellationToken) =>
        {
            await call.ConfirmAsync($"Sign {call.Get(name)} out of the pages?", cancellationToken);
            await call.Client.EndSessionsAsync(call.Get(name), cancellationToken);
            var left = await call.Client.ListSessionsAsync(cancellationToken);
            call.Show(
                left, FleetJson.Default.IReadOnlyListSessionView, screen => screen.WriteLine($"{call.Get(name)} is signed out."));
        });
    }
}
