using System.CommandLine;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet api-keys</c>: who may call the server, and what each may do.</summary>
internal static class ApiKeysCommand
{
    public static Command Create(Shell shell) => Verb.Noun(
        "api-keys", "API keys: who may call the server, and what each may do.", New(shell), List(shell), Revoke(shell));

    private static Command New(Shell shell)
    {
        var name = new Argument<string>("NAME") { Description = "Whose key it is: a person or a program. The audit trail names it." };
        var roles = new Option<string[]>("--role")
        {
            HelpName = "ROLE",
            Description = "What it may do: viewer, operator, approver, admin, or worker alone; may be repeated.",
            Required = true,
        };
        var filter = DevicesCommand.FilterOption("The only devices it sees and changes");
        var validFor = Verb.Duration("--valid-for", "How long it is accepted [default: for ever].");
        return Verb.On(shell, "create", """
            Creates an API key and prints it, this once: the server keeps only its hash.

            Examples:
              fleet api-keys create anna --role operator --valid-for 90d
              fleet api-keys create berlin-night --role operator --filter label.site=berlin
              fleet api-keys create ci --role viewer > ci.key
            """, [name, roles, filter, validFor], async (call, cancellationToken) =>
        {
            var request = new CreateApiKeyRequest(call.Get(name), call.Get(roles) ?? [], call.Get(filter), call.Get(validFor));
            var key = await call.Client.CreateApiKeyAsync(request, cancellationToken);
            call.Show(key, FleetJson.Default.CreateApiKeyResponse, screen =>
            {
                screen.WriteLine(key.Key);
                var until = key.ExpiresAt is { } end ? $" until {Figures.Moment(end)}" : "";
                screen.WriteHint($"Key {key.Id} of '{request.Name}' is accepted{until}. Keep it in a file, and name that with --key-file.");
            });
        });
    }

    private static Command List(Shell shell) => Verb.On(shell, "list", """
        Lists API keys without their secrets, and when each was last used.

        Example:
          fleet api-keys list
        """, [], async (call, cancellationToken) =>
    {
        var keys = await call.Client.ListApiKeysAsync(cancellationToken);
        call.Show(keys, FleetJson.Default.IReadOnlyListApiKeyView, screen =>
        {
            var sheet = new Sheet("id", "name", "roles", "state", "devices?", "expires?", "last used");
            foreach (var key in keys)
                sheet.Add(
                    key.Id, key.Name, string.Join(",", key.Roles), StateOf(key, call.Now), key.Filter.Length > 0 ? key.Filter : "all",
                    key.ExpiresAt is { } end ? Figures.Moment(end) : "never", key.LastUsedAt is { } at ? Figures.Moment(at) : "never");
            screen.Write(sheet);
        });
    });

    private static Command Revoke(Shell shell)
    {
        var id = new Argument<string>("ID") { Description = "Id of the key, as 'fleet api-keys list' shows it." };
        return Verb.On(shell, "revoke", """
            Revokes an API key: it is refused from now on.

            Example:
              fleet api-keys revoke 7f3a9c0e51b2d468
            """, [id, Verb.Yes()], async (call, cancellationToken) =>
        {
            await call.ConfirmAsync(
                $"Revoke API key {call.Get(id)}? It is refused from now on, and cannot be brought back.", cancellationToken);
            await call.Client.RevokeApiKeyAsync(call.Get(id), cancellationToken);
            if (!call.Json)
            {
                call.Shell.WriteLine($"Key {call.Get(id)} is revoked.");
                return;
            }
            var key = (await call.Client.ListApiKeysAsync(cancellationToken)).First(key => key.Id == call.Get(id));
            call.Shell.WriteJson(key, FleetJson.Default.ApiKeyView);
        });
    }

    private static Cell StateOf(ApiKeyView key, DateTimeOffset now) => key switch
    {
        { Revoked: true } => new Cell("revoked", Tone.Bad),
        _ when key.ExpiresAt <= now => new Cell("expired", Tone.Dim),
        _ => new Cell("accepted", Tone.Good),
    };
}
