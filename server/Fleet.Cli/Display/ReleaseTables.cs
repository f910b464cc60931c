using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Display;

/// <summary>Releases as tables for a terminal.</summary>
internal static class ReleaseTables
{
    /// <summary>Every release in a line, then what to do where there are none.</summary>
    public static void WriteList(Shell screen, IReadOnlyList<ReleaseView> releases, DateTimeOffset now)
    {
        var sheet = new Sheet("model", ">version", "variants", ">serving on", "signed", "expires", "key?");
        foreach (var release in releases)
        {
            var manifest = release.Manifest;
            sheet.Add(
                manifest.Model, manifest.Version, string.Join(", ", manifest.Variants.Select(variant => variant.Id)),
                release.ActiveDevices, Figures.Moment(manifest.CreatedAt),
                release.WithdrawnAt is not null ? new Cell("withdrawn", Tone.Bad)
                    : manifest.ExpiresAt <= now ? new Cell("expired", Tone.Bad) : Figures.Moment(manifest.ExpiresAt),
                ShortKey(release.KeyId));
        }
        screen.Write(sheet);
        if (sheet.Count == 0) screen.WriteHint("There are no releases. 'fleet releases create BUILD' makes one from a build.");
    }

    /// <summary>One release: its variants, their figures, and the gates a device judges them by.</summary>
    public static void Write(Shell screen, ReleaseManifest manifest, string? keyId)
    {
        screen.WriteHeading($"Release {manifest.Model} {manifest.Version}");
        var sheet = new Sheet("", "");
        sheet.Add("Signed", Figures.Moment(manifest.CreatedAt) + (keyId is null ? "" : $" by key {ShortKey(keyId)}"));
        sheet.Add("Expires", Figures.Moment(manifest.ExpiresAt));
        sheet.Add("Build", manifest.Build);
        sheet.Add("Measured", manifest.Measured?.InWords() ?? "the release does not say by whom");
        sheet.Add("Task", TaskDefinition.Of(manifest.TaskOf()).Title);
        sheet.Add("Inputs", string.Join("; ", manifest.Inputs.Select(Describe)));
        sheet.Add("Outputs", string.Join("; ", manifest.Outputs.Select(Describe)));
        if (manifest.Classes.Count > 0) sheet.Add("Classes", string.Join(", ", manifest.Classes));
        sheet.Add("Judged by", $"{manifest.ValidationSet.Name}, {Figures.Bytes(manifest.ValidationSet.Bytes)}");
        screen.Write(sheet);
        screen.WriteLine();
        WriteVariants(screen, manifest);
    }

    /// <summary>What would be signed, with who measured what of it.</summary>
    public static void WriteDraft(Shell screen, ReleaseManifest manifest, ReleaseMeasurements measured)
    {
        screen.WriteHeading($"To be signed: {manifest.Model} {manifest.Version} of build {manifest.Build}");
        WriteVariants(screen, manifest);
        screen.WriteLine();
        screen.WriteHeading("Who measured what");
        var sheet = new Sheet("", "");
        sheet.Add("Server", measured.Server);
        sheet.Add("Worker", measured.Worker);
        sheet.Add("Devices", measured.Devices);
        sheet.Add("Nobody", measured.Unmeasured.Count > 0 ? new Cell(measured.NobodyInWords(), Tone.Bad) : measured.NobodyInWords());
        screen.Write(sheet);
        screen.WriteLine();
    }

    /// <summary>That it is signed, after it was shown.</summary>
    public static void WriteSigned(Shell screen, ReleaseView release)
        => screen.WriteLine($"Release {release.Manifest.Model} {release.Manifest.Version} is signed by key {ShortKey(release.KeyId)}; "
            + $"devices newly trust it until {Figures.Moment(release.Manifest.ExpiresAt)}.");

    private static void WriteVariants(Shell screen, ReleaseManifest manifest)
    {
        var expected = new ScoreColumn(manifest.Variants.Select(variant => (Scores?)variant.Expected));
        var variants = new Sheet("variant", "profile", "scheme?", ">size", $">{expected.Title}", "gates", "sha-256?");
        foreach (var variant in manifest.Variants)
        {
            variants.Add(
                variant.Id, variant.Profile, variant.Scheme, Figures.Bytes(variant.Artifact.Bytes), expected.Of(variant.Expected)
                    ?? Figures.None,
                variant.Gate.Thresholds.Count > 0
                    ? string.Join(", ", variant.Gate.Thresholds.Select(threshold => threshold.Brief()))
                    : "none", variant.Artifact.Sha256[..12]);
        }
        screen.Write(variants);
    }

    /// <summary>On how many devices a release serves, and on which of them although it was withdrawn.</summary>
    public static void WriteUse(Shell screen, ReleaseView release)
    {
        if (release is not { WithdrawnAt: { } withdrawn, StillServing: { } devices })
        {
            screen.WriteLine($"Serving on {Figures.Counted(release.ActiveDevices, "device")}.");
            return;
        }
        screen.WriteLine($"Withdrawn {Figures.Moment(withdrawn)}"
            + (release.KeepServing ? "; devices that serve it go on until another release takes its place." : "."));
        if (devices.Count == 0)
        {
            screen.WriteLine("No device serves it any more.");
            return;
        }
        var more = release.ActiveDevices - devices.Count;
        screen.WriteLine($"Still serving on {Figures.Counted(release.ActiveDevices, "device")}: {string.Join(", ", devices)}"
            + (more > 0 ? $" and {more} more." : "."));
        if (!release.KeepServing)
            screen.WriteHint("One that is away hears of it when it returns; an agent before protocol 3 does not, and must be moved.");
    }

    private static string Describe(TensorDescription tensor) => $"{tensor.Name} {tensor.Datatype} [{string.Join(", ", tensor.Shape)}]";

    private static string ShortKey(string keyId) => keyId.Length > 12 ? keyId[..12] : keyId;
}
