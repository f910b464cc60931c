using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet tokens</c>: what a device needs to join.</summary>
internal static class TokensCommand
{
    public static Command Create(Shell shell) => Verb.Noun(
        "tokens", "Join tokens: what a device shows once to become part of the fleet.", New(shell), List(shell), Revoke(shell));

    private static Command New(Shell shell)
    {
        var uses = new Option<int>("--uses") { HelpName = "N", Description = "Devices it may enroll.", DefaultValueFactory = _ => 1 };
        var validFor = Verb.Duration("--valid-for", "How long it is valid [default: 1h].");
        var labels = new Option<string[]>("--label")
        {
            HelpName = "KEY=VALUE",
            Description = "Label that every device enrolled with it "
            + "gets; may be repeated."
        };
        var pattern = new Option<string?>("--id-pattern")
        {
            HelpName = "PATTERN",
            Description = "Ids it enrolls, such as 'press-*'; * stands for any characters [default: all].",
        };
        var approve = new Option<bool>("--approve") { Description = "Each device waits until 'fleet devices approve ID'." };
        return Verb.On(shell, "create", """
            Creates a join token and prints it, this once: the server keeps only its hash.

            Examples:
              fleet tokens create
              fleet tokens create --uses 50 --id-pattern 'press-*' --approve
              fleet tokens create --uses 50 --valid-for 7d --label site=berlin
              TOKEN=$(fleet tokens create --json | jq -r .token)
            """, [uses, validFor, labels, pattern, approve], async (call, cancellationToken) =>
        {
            var request = new CreateTokenRequest(
                call.Get(uses), call.Get(validFor) ?? TimeSpan.FromHours(1), Labels.Parse(call.Get(labels) ?? []), call.Get(pattern),
                call.Get(approve));
            var token = await call.Client.CreateTokenAsync(request, cancellationToken);
            call.Show(token, FleetJson.Default.CreateTokenResponse, screen =>
            {
                screen.WriteLine(token.Token);
                screen.WriteHint($"Token {token.Id} enrolls {Figures.Counted(request.Uses, "device")} until "
                    + $"{Figures.Moment(token.ExpiresAt)}."
                    + (request.Approve ? " Each waits until it is approved: 'fleet devices pending' lists them." : "")
                    + " On the device:");
                // Whole, however wide the terminal is: it is there to be copied.
                screen.Error.WriteLine($"  fleet-agent enroll --server {token.Server ?? "https://HOST:8443"} --token {token.Token} --id "
                    + $"$(hostname) --data /var/lib/fleet-agent");
            });
        });
    }

    private static Command List(Shell shell) => Verb.On(shell, "list", """
        Lists join tokens without their secrets.

        Example:
          fleet tokens list
        """, [], async (call, cancellationToken) =>
    {
        var tokens = await call.Client.ListTokensAsync(cancellationToken);
        call.Show(tokens, FleetJson.Default.IReadOnlyListTokenView, screen =>
        {
            var sheet = new Sheet("id", ">used", ">uses", "state", "expires", "devices", "labels");
            foreach (var token in tokens)
                sheet.Add(
                    token.Id, token.Used, token.Uses, StateOf(token, call.Now), Figures.Moment(token.ExpiresAt),
                    token.Reenrolls is { } device ? $"{device} alone" : token.IdPattern ?? "all",
                    Labels.Text(token.Labels, ","));
            screen.Write(sheet);
            if (sheet.Count == 0) screen.WriteHint("There are no join tokens. 'fleet tokens create' makes one.");
        });
    });

    private static Command Revoke(Shell shell)
    {
        var id = new Argument<string>("ID") { Description = "Id of the token, as 'fleet tokens list' shows it." };
        return Verb.On(shell, "revoke", """
            Revokes a join token. Devices that it enrolled stay.

            Example:
              fleet tokens revoke 7f3a9c0e51b2d468
            """, [id, Verb.Yes()], async (call, cancellationToken) =>
        {
            if ((await call.Client.ListTokensAsync(cancellationToken)).All(token => token.Id != call.Get(id)))
                throw new FleetException($"There is no join token '{call.Get(id)}'.");
            await call.ConfirmAsync(
                $"Revoke join token {call.Get(id)}? No further device joins with it; those that it enrolled stay.", cancellationToken);
            await call.Client.RevokeTokenAsync(call.Get(id), cancellationToken);
            var token = (await call.Client.ListTokensAsync(cancellationToken)).FirstOrDefault(token => token.Id == call.Get(id));
            if (call.Json && token is not null) call.Shell.WriteJson(token, FleetJson.Default.TokenView);
            else if (!call.Json) call.Shell.WriteLine($"Token {call.Get(id)} is revoked.");
        });
    }

    private static Cell StateOf(TokenView token, DateTimeOffset now) => token switch
    {
        { Revoked: true } => new Cell("revoked", Tone.Bad),
        _ when token.ExpiresAt <= now => new Cell("expired", Tone.Dim),
        _ when token.Used >= token.Uses => new Cell("used up", Tone.Dim),
        { Approve: true } => new Cell("open, to approve", Tone.Good),
        _ => new Cell("open", Tone.Good),
    };
}
