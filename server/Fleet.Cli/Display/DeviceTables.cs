using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Display;

/// <summary>Devices as tables for a terminal.</summary>
internal static class DeviceTables
{
    /// <summary>Every device in a line.</summary>
    public static void WriteList(Shell screen, IReadOnlyList<DeviceView> devices, DateTimeOffset now)
    {
        var scores = new ScoreColumn(devices.SelectMany(device => device.Models).Select(model => model.Measured));
        var sheet = new Sheet("id", "profile", "state", "serves", "phase", $">{scores.Title}?", "seen", "labels");
        foreach (var device in devices)
        {
            sheet.Add(
                device.Id.Value, ProfileOf(device), StateOf(device),
                Lines(device.Models, ServesOf), PhaseOf(device.Models), Lines(
                    device.Models, model => scores.Of(model.Measured) ?? Figures.None),
                DurationText.Ago(device.LastSeenAt, now), Labels.Text(device.Labels, ","));
        }
        screen.Write(sheet);
    }

    /// <summary>Devices that wait for approval, in a line each.</summary>
    public static void WritePending(Shell screen, IReadOnlyList<PendingDeviceView> pending, DateTimeOffset now)
    {
        var sheet = new Sheet("id", "asked", "token", "is", "key fingerprint");
        foreach (var device in pending)
            sheet.Add(
                device.Id.Value, DurationText.Ago(device.AskedAt, now), device.Token,
                $"{device.Facts.Architecture} {device.Facts.OperatingSystem}".Trim(), device.KeyFingerprint);
        screen.Write(sheet);
    }

    /// <summary>One device: what it is, then its models.</summary>
    public static void Write(Shell screen, DeviceView device, DateTimeOffset now)
    {
        screen.WriteHeading($"Device {device.Id}");
        var sheet = new Sheet("", "");
        sheet.Add("State", StateOf(device));
        sheet.Add(
            "Profile", ProfileOf(device) + (device.ProfileEmulated ? ": emulated, so its latency is not that of the real hardware" : ""));
        sheet.Add("Processor", $"{device.Facts.Processor} ({device.Facts.Architecture}, {device.Facts.LogicalCpus} CPUs, "
            + $"{Figures.Bytes(device.Facts.MemoryBytes)} memory)");
        sheet.Add("Accelerators", device.Facts.Accelerators.Count == 0 ? "none" : string.Join(", ", device.Facts.Accelerators));
        sheet.Add(
            "Execution", device.Facts.ExecutionProviders.Count == 0 ? Figures.None : string.Join(", ", device.Facts.ExecutionProviders));
        sheet.Add("System", $"{device.Facts.OperatingSystem}, agent {device.Facts.AgentVersion}");
        sheet.Add("Labels", device.Labels.Count == 0 ? "none" : Labels.Text(device.Labels, " "));
        sheet.Add("Enrolled", Figures.Moment(device.EnrolledAt));
        if (device.Certificate is { } certificate)
            sheet.Add("Certificate", $"{certificate.Serial}, until {Figures.Moment(certificate.ValidUntil)}"
                + (certificate.FirstUsedAt is null ? ", not used yet" : ""));
        if (device.Certificate?.RevokedSerials is { Count: > 0 } revoked) sheet.Add("Revoked", string.Join(", ", revoked));
        foreach (var alarm in device.Alarms)
            sheet.Add("Alarm", new Cell($"{alarm.Text} ({DurationText.Ago(alarm.At, now)})", Tone.Bad));
        sheet.Add("Last seen", DurationText.Ago(device.LastSeenAt, now));
        if (device.Report is { } report)
            sheet.Add("Report", $"{report.Number}, in a file of {Figures.Moment(report.WrittenAt)}, imported "
                + DurationText.Ago(report.ImportedAt, now));
        sheet.Add("Revision", device.DesiredRevision == device.ReportedRevision
            ? $"{device.DesiredRevision}, reached"
            : $"desired {device.DesiredRevision}, reported {device.ReportedRevision}");
        if (device.Traffic is { } traffic) WriteTraffic(sheet, traffic, now);
        if (device.Trust is { } trust) sheet.Add("Trusts", TrustOf(trust));
        screen.Write(sheet);
        if (device.Alarms.Count > 0)
            screen.WriteHint($"'fleet devices reenroll {device.Id}' gives it a new key and ends all others; 'fleet devices acknowledge "
                + $"{device.Id}' ends the alarm.");
        if (device.Models.Count == 0) return;

        screen.WriteLine();
        var scores = new ScoreColumn(device.Models.Select(model => model.Measured));
        var models = new Sheet("model", "serves", ">last deployment", "phase", $">{scores.Title}", ">p50 / p95?", "receipt?", "detail");
        foreach (var model in device.Models)
        {
            models.Add(
                model.Model, ServesOf(model, withModel: false), $"{model.Version} {model.Variant}".Trim(), PhaseOf(model),
                scores.Of(model.Measured) ?? Figures.None, Figures.Latency(model.Measured?.Latency),
                model.Receipt is not null ? "signed" : model.Measured is null ? Figures.None : "unsigned",
                model.Failure == DeploymentFailure.None ? "" : $"{model.Failure.ToWords()}: {model.Detail}");
        }
        screen.Write(models);
    }

    private static void WriteTraffic(Sheet sheet, TrafficView traffic, DateTimeOffset now)
    {
        var from = traffic.From is { } address ? $", from {address}" : "";
        if (traffic.CutUntil is { } until)
            sheet.Add("Traffic", new Cell($"too much: kept out until {Figures.Moment(until)}{from}", Tone.Bad));
        else if (traffic.SlowedSince is { } since)
            sheet.Add("Traffic", new Cell($"too much: slowed since {Figures.Moment(since)}{from}", Tone.Bad));
        if (traffic.Refused > 0)
            sheet.Add("Refused", $"{Figures.Counted(traffic.Refused, "message")}, the last {DurationText.Ago(traffic.LastRefusalAt, now)}: "
                + $"{traffic.LastRefusal}");
    }

    private static string ProfileOf(DeviceView device)
        => device.Profile is null ? "none" : device.ProfileEmulated ? $"{device.Profile} (emulated)" : device.Profile;

    /// <summary>The root it follows, and what it refused: the same words as in its log.</summary>
    private static Cell TrustOf(TrustReport trust) => trust switch
    {
        { Fault: not OrderFault.None } => new Cell($"root {trust.Root}; refused, {trust.Fault.ToWords()}: {trust.Detail}", Tone.Bad),
        { Detail.Length: > 0 } => $"root {trust.Root}; {trust.Detail}",
        _ => $"root {trust.Root}",
    };

    private static Cell StateOf(DeviceView device) => device switch
    {
        { Revoked: true } => new Cell("revoked", Tone.Bad),
        { Alarms: [{ Kind: "clone" }, ..] or [_, { Kind: "clone" }] } => new Cell("cloned?", Tone.Bad),
        { Alarms.Count: > 0 } => new Cell("stolen?", Tone.Bad),
        { Online: true } => new Cell("online", Tone.Good),
        _ => new Cell("offline", Tone.Dim),
    };

    private static string ServesOf(ReportedModel model) => ServesOf(model, withModel: true);

    private static string ServesOf(ReportedModel model, bool withModel)
        => model.ActiveVersion is { } version
            ? $"{(withModel ? model.Model + " " : "")}{version} {model.ActiveVariant}".Trim()
            : Figures.None;

    private static string Lines(IReadOnlyList<ReportedModel> models, Func<ReportedModel, string> text)
        => models.Count == 0 ? Figures.None : string.Join(", ", models.Select(text));

    private static Cell PhaseOf(IReadOnlyList<ReportedModel> models) => models switch
    {
        [] => Figures.None,
        [var only] => PhaseOf(only),
        _ => string.Join(", ", models.Select(model => PhaseOf(model).Text)),
    };

    private static Cell PhaseOf(ReportedModel model) => Words.Phase(model.Phase);
}
