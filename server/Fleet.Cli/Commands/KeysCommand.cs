using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet keys</c>: whose signatures devices trust, and how keys are replaced.</summary>
internal static partial class KeysCommand
{
    private const string Rotating = "releases, orders, root, or expiry to keep every key";

    private static readonly Option<bool> Compromised = new("--compromised")
    {
        Description = "The key was stolen: whatever it has ordered is behind from now on, however large its revision.",
    };

    private static readonly Option<int?> Threshold = new("--threshold")
    {
        HelpName = "M",
        Description = "Root keys that must sign a root from then on.",
    };

    public static Command Create(Shell shell) => Verb.Noun(
        "keys", "The keys of the fleet: root, releases and orders.", List(shell), Rotate(shell), Offline(shell), New(shell), Prepare(shell),
        Sign(shell), Apply(shell), ExportRoot(shell), AnchorTime(shell));

    private static Command List(Shell shell) => Verb.On(shell, "list", """
        Shows whose keys count, what for, and where they are.

        Example:
          fleet keys list
        """, [], async (call, cancellationToken) => Show(call, await call.Client.GetKeysAsync(cancellationToken)));

    private static Command Rotate(Shell shell)
    {
        var what = new Argument<string>("WHAT") { Description = $"What to renew: {Rotating}." };
        return Verb.On(shell, "rotate", """
            Replaces a key on the server. Devices follow as soon as they are told, those that are away when they come back; live releases
            are signed again and nothing is downloaded twice. It needs the root key on the server; with one elsewhere, use prepare,
            sign and apply.

            Examples:
              fleet keys rotate releases
              fleet keys rotate orders --compromised
              fleet keys rotate root
            """, [what, Compromised, Verb.Yes()], async (call, cancellationToken) =>
        {
            var change = ChangeOf(call.Get(what)) with { Compromised = call.Get(Compromised) };
            var before = await call.Client.GetKeysAsync(cancellationToken);
            await call.ConfirmAsync($"Make root {before.Root.Version + 1} with new keys ({call.Get(what)})? Devices trust the old ones no "
                + "longer once they have followed.", cancellationToken);
            var root = await call.Client.PrepareRootAsync(change, cancellationToken);
            if (RefusalOf(before, root) is { } reason)
                throw new FleetException(
                    reason, $"fleet keys prepare {call.Get(what)} --out next-root.json, then 'fleet keys sign' where the keys are, "
                        + "then 'fleet keys apply'.");
            Show(call, await call.Client.ApplyRootAsync(root, cancellationToken));
        });
    }

    private static Command Offline(Shell shell)
    {
        var folder = new Option<string>("--out")
        {
            HelpName = "FOLDER",
            Description = "Where the new root keys go; it is made if it is missing.",
            Required = true,
        };
        var count = new Option<int>("--keys") { HelpName = "N", Description = "Root keys to make.", DefaultValueFactory = _ => 1 };
        return Verb.On(shell, "offline", """
            Takes the root from the server: makes new root keys here, lets the server's own hand over to them, and has it deleted there.
            No private key travels. Keep each in a place of its own; with fewer than the threshold left, keys can never be replaced again.

            Example:
              fleet keys offline --out /media/safe --keys 3 --threshold 2
            """, [folder, count, Threshold, Verb.Yes()], async (call, cancellationToken) =>
        {
            var threshold = call.Get(Threshold) ?? 1;
            if (call.Get(count) is < 1 or > Limits.KeysPerRoot - 2 || threshold < 1 || threshold > call.Get(count))
                throw new FleetException($"--keys must be within 1..{Limits.KeysPerRoot - 2} and --threshold within 1..--keys.")
                { Code = ExitCode.Usage };
            var before = await call.Client.GetKeysAsync(cancellationToken);
            if (before.Root.Roles.Root.Keys.Count(before.OnServer.Contains) < before.Root.Roles.Root.Threshold)
                throw new FleetException(
                    "The root is not on the server: whoever keeps its keys hands over to new ones.",
                    "fleet keys prepare root --root-key PEM … --out next-root.json, then 'fleet keys sign' and 'fleet keys apply'.");
            await call.ConfirmAsync(
                $"Move the root to {Figures.Counted(call.Get(count), "key")} in {call.Get(folder)}, of which {threshold} must sign? The "
                    + "server deletes its own.", cancellationToken);
            Directory.CreateDirectory(call.Get(folder)!);
            string[] files = [.. Enumerable.Range(1, call.Get(count)).Select(n => Path.Combine(call.Get(folder)!, $"root-{n}.key"))];
            var keys = files.Select(Specs.KeyFiles.Create).ToList();
            var root = await call.Client.PrepareRootAsync(new RootChange { RootKeys = keys, Threshold = threshold }, cancellationToken);
            root = files.Aggregate(root, Specs.KeyFiles.Sign);
            if (RefusalOf(before, root) is { } reason) throw new FleetException(reason);
            Show(call, await call.Client.ApplyRootAsync(root, cancellationToken));
        });
    }

    private static Command Prepare(Shell shell)
    {
        var what = new Argument<string>("WHAT") { Description = $"What to renew: {Rotating}." };
        var file = new Option<string>("--out") { HelpName = "FILE", Description = "Where the root goes.", Required = true };
        var keys = new Option<string[]>("--root-key")
        {
            HelpName = "PEM",
            Description = "Root key, private or public, in place of those there are; may be repeated. For WHAT root.",
        };
        return Verb.On(shell, "prepare", """
            Prepares the next root and writes it to a file. It counts only once it is signed by enough root keys and applied.

            Examples:
              fleet keys prepare releases --out next-root.json
              fleet keys prepare root --root-key a.pem --root-key b.pem --out next-root.json
            """, [what, file, keys, Threshold, Compromised], async (call, cancellationToken) =>
        {
            var named = call.Get(keys) ?? [];
            var change = ChangeOf(call.Get(what)) with { Compromised = call.Get(Compromised), Threshold = call.Get(Threshold) };
            if (named.Length > 0) change = change with { Root = false, RootKeys = [.. named.Select(Specs.KeyFiles.ReadPublic)] };
            var root = await call.Client.PrepareRootAsync(change, cancellationToken);
            Specs.KeyFiles.WriteRoot(call.Get(file)!, root);
            call.Show(root, FleetJson.Default.DsseEnvelope, screen => screen.WriteLine(
                $"{call.Get(file)} has {Figures.Counted(root.Signatures.Count, "signature")}. Sign it where root keys are: fleet keys sign "
                    + $"{call.Get(file)} --key KEY"));
        });
    }

    private static Command Apply(Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "The signed root." };
        return Verb.On(shell, "apply", """
            Makes a signed root count, and tells devices.

            Example:
              fleet keys apply next-root.json
            """, [file], async (call, cancellationToken)
            => Show(call, await call.Client.ApplyRootAsync(Specs.KeyFiles.ReadRoot(call.Get(file)), cancellationToken)));
    }

    private static Command AnchorTime(Shell shell) => Verb.On(shell, "anchor-time", """
        Vouches for the server's clock: releases are signed by it again, and every device takes its time, however far that lies from
        what the device believes. For a clock that was wrong and is right now, and for a server that was off for more than a month.

        Example:
          fleet keys anchor-time
        """, [Verb.Yes()], async (call, cancellationToken) =>
    {
        var keys = await call.Client.GetKeysAsync(cancellationToken);
        await call.ConfirmAsync($"The server's clock says {keys.Time:u}, this machine's {call.Now:u}. Shall every device take the server's "
            + "time?", cancellationToken);
        var vouched = await call.Client.AnchorTimeAsync(cancellationToken);
        call.Show(vouched, FleetJson.Default.KeysView, screen => screen.WriteLine(
            $"Anchor {vouched.TimeAnchor}: it is {vouched.Time:u}. Devices that are away take it when they come back."));
    });

    /// <summary>Why devices would not follow to a root that was prepared; null when they would.</summary>
    /// <exception cref="FleetException">Somebody else changed the keys between the two.</exception>
    private static string? RefusalOf(KeysView before, DsseEnvelope root)
    {
        if (RootChain.Follow(before.Root, root) is not { Trusted: false } verdict) return null;
        return verdict.Fault == RootFault.VersionSkipped
            ? throw new FleetException("Somebody else changed the keys meanwhile, and nothing of this was done: repeat the command.")
            : verdict.Reason;
    }

    private static RootChange ChangeOf(string what) => what switch
    {
        "releases" => new RootChange { Releases = true },
        "orders" => new RootChange { Orders = true },
        "root" => new RootChange { Root = true },
        "expiry" => new RootChange(),
        _ => throw new FleetException($"'{what}' is not one of {Rotating}.") { Code = ExitCode.Usage },
    };

    private static void Show(Call call, KeysView keys)
        => call.Show(keys, FleetJson.Default.KeysView, screen => KeyTables.Write(screen, keys));
}
