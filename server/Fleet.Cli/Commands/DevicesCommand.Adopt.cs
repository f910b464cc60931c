using System.CommandLine;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary>The verb that takes in devices which a restored server does not know.</summary>
internal static partial class DevicesCommand
{
    private static Command Adopt(Shell shell)
    {
        var ids = new Argument<string[]>("ID") { Description = "Devices to take in; none lists them.", Arity = ArgumentArity.ZeroOrMore };
        var all = new Option<bool>("--all") { Description = "Take in all that are not stored." };
        return Verb.On(shell, "adopt", """
            Takes in devices that hold a certificate of this server's authority and are not stored: they enrolled after the backup from
            which the server was restored. Each is there again with its next try to connect; its labels must be set anew.

            Lists too who says to be at a revision above what the server knows and
            cannot show the order: an agent from before 0.3, or a liar. Update that
            agent, or name the device here to vouch for it: its next order is above.

            Examples:
              fleet devices adopt
              fleet devices adopt press-7 press-8
              fleet devices adopt --all
            """, [ids, all], async (call, cancellationToken) =>
        {
            var strangers = await call.Client.ListStrangersAsync(cancellationToken);
            string[] wanted = call.Get(all)
                ? [.. strangers.Where(stranger => stranger.Revision is null).Select(stranger => stranger.Device.Value)]
                : call.Find(ids) ?? [];
            foreach (var id in wanted) await call.Client.AdoptAsync(id, cancellationToken);
            call.Show(strangers, FleetJson.Default.IReadOnlyListStrangerView, screen =>
            {
                var sheet = new Sheet("device", "last tried", "");
                foreach (var stranger in strangers)
                    sheet.Add(
                        stranger.Device.Value, DurationText.Ago(stranger.LastSeenAt, call.Now),
                        wanted.Contains(stranger.Device.Value) ? "adopted"
                            : stranger.Revision is { } revision ? $"says revision {revision}, not shown" : "not stored here");
                screen.Write(sheet);
                if (sheet.Count == 0) screen.WriteHint("No device with a certificate of this server is unknown to it, and none is ahead.");
            });
        });
    }
}
