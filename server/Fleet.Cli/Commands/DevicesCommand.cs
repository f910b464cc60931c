using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet devices</c>: what is enrolled, what it is and what it serves.</summary>
internal static class DevicesCommand
{
    /// <summary>Devices asked for at once.</summary>
    private const int PageSize = 500;

    private static readonly Argument<string> Id = new("ID") { Description = "Id of the device." };

    public static Command Create(Shell shell)
        => Verb.Noun(
            "devices", "Devices: what is enrolled, what it is, and what it serves.", List(shell), Show(shell), Label(shell), Revoke(shell));

    private static Command List(Shell shell)
    {
        var filter = FilterOption("Which devices");
        var limit = new Option<int>("--limit") { HelpName = "N", Description = "Most devices to list.", DefaultValueFactory = _ => 1000 };
        return Verb.On(shell, "list", """
            Lists devices.

            Examples:
              fleet devices list
              fleet devices list --filter profile=jetson,label.site=berlin
              fleet devices list --json | jq -r '.[] | select(.online | not) | .id'
            """, [filter, limit], async (call, cancellationToken) =>
        {
            var devices = await PagesAsync(call.Client, call.Get(filter) ?? "", call.Get(limit), cancellationToken);
            call.Show(devices, FleetJson.Default.IReadOnlyListDeviceView, screen =>
            {
                var scores = new ScoreColumn(devices.SelectMany(device => device.Models).Select(model => model.Measured));
                var sheet = new Sheet("id", "profile", "state", "serves", "phase", $">{scores.Title}?", "seen", "labels");
                foreach (var device in devices)
                {
                    sheet.Add(
                        device.Id.Value, ProfileOf(device), StateOf(device),
                        Lines(device.Models, ServesOf), PhaseOf(device.Models), Lines(
                            device.Models, model => scores.Of(model.Measured) ?? Figures.None),
                        DurationText.Ago(device.LastSeenAt, call.Now), Labels.Text(device.Labels, ","));
                }
                screen.Write(sheet);
                if (sheet.Count == 0)
                    screen.WriteHint(
                        call.Get(filter) is { Length: > 0 } text
                            ? $"No device matches {text}."
                            : "No device is enrolled. 'fleet tokens create' lets one join.");
                if (sheet.Count == call.Get(limit))
                    screen.WriteHint($"The first {sheet.Count} devices; --limit N shows more, --filter narrows.");
            });
        });
    }

    private static Command Show(Shell shell) => Verb.On(shell, "show", """
        Shows one device: what it is, what it should serve and what it does serve.

        Example:
          fleet devices show press-7
        """, [Id], async (call, cancellationToken) =>
    {
        var device = await call.Client.GetDeviceAsync(call.Get(Id), cancellationToken);
        call.Show(device, FleetJson.Default.DeviceView, screen => Write(screen, device, call.Now));
    });

    private static Command Label(Shell shell)
    {
        var terms = new Argument<string[]>("LABEL") { Description = "key=value to set, key- to remove.", Arity = ArgumentArity.OneOrMore };
        return Verb.On(shell, "label", """
            Sets or removes labels, which filters and rollouts select by.

            Examples:
              fleet devices label press-7 site=berlin line=3
              fleet devices label press-7 line-
            """, [Id, terms], async (call, cancellationToken) =>
        {
            await call.Client.SetLabelsAsync(call.Get(Id), new SetLabelsRequest(Labels.ParseChanges(call.Get(terms))), cancellationToken);
            var device = await call.Client.GetDeviceAsync(call.Get(Id), cancellationToken);
            call.Show(device, FleetJson.Default.DeviceView, screen => screen.WriteLine(
                $"{device.Id}: {(device.Labels.Count == 0 ? "no labels" : Labels.Text(device.Labels, " "))}"));
        });
    }

    private static Command Revoke(Shell shell) => Verb.On(shell, "revoke", """
        Revokes a device: its certificate is no longer accepted, and its connection is cut. It must enroll again to come back.

        Example:
          fleet devices revoke press-7
        """, [Id, Verb.Yes], async (call, cancellationToken) =>
    {
        await call.ConfirmAsync(
            $"Revoke device {call.Get(Id)}? Its connection is cut at once, and it must enroll again to come back.", cancellationToken);
        await call.Client.RevokeDeviceAsync(call.Get(Id), cancellationToken);
        var device = await call.Client.GetDeviceAsync(call.Get(Id), cancellationToken);
        call.Show(device, FleetJson.Default.DeviceView, screen => screen.WriteLine($"Device {device.Id} is revoked."));
    });

    /// <summary>An option that selects devices.</summary>
    public static Option<string?> FilterOption(string which)
    {
        var option = new Option<string?>("--filter")
        {
            HelpName = "TERMS",
            Description = $"{which}, as key=value terms joined by commas: id, profile, architecture, label.NAME [default: all].",
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !DeviceFilter.TryParse(token.Value, out _, out var problem)) result.AddError(problem);
        });
        return option;
    }

    private static async Task<IReadOnlyList<DeviceView>> PagesAsync(
        FleetClient client, string filter, int limit, CancellationToken cancellationToken)
    {
        var devices = new List<DeviceView>();
        while (devices.Count < limit)
        {
            var wanted = Math.Min(PageSize, limit - devices.Count);
            var page = await client.ListDevicesAsync(filter, devices.Count == 0 ? "" : devices[^1].Id.Value, wanted, cancellationToken);
            devices.AddRange(page);
            if (page.Count < wanted) break;
        }
        return devices;
    }

    private static void Write(Shell screen, DeviceView device, DateTimeOffset now)
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
        sheet.Add("Last seen", DurationText.Ago(device.LastSeenAt, now));
        sheet.Add("Revision", device.DesiredRevision == device.ReportedRevision
            ? $"{device.DesiredRevision}, reached"
            : $"desired {device.DesiredRevision}, reported {device.ReportedRevision}");
        screen.Write(sheet);
        if (device.Models.Count == 0) return;

        screen.WriteLine();
        var scores = new ScoreColumn(device.Models.Select(model => model.Measured));
        var models = new Sheet("model", "serves", ">last deployment", "phase", $">{scores.Title}", ">p50 / p95?", "detail");
        foreach (var model in device.Models)
        {
            models.Add(
                model.Model, ServesOf(model, withModel: false), $"{model.Version} {model.Variant}".Trim(), PhaseOf(model),
                scores.Of(model.Measured) ?? Figures.None, Figures.Latency(model.Measured?.Latency),
                model.Failure == DeploymentFailure.None ? "" : $"{model.Failure.ToWords()}: {model.Detail}");
        }
        screen.Write(models);
    }

    private static string ProfileOf(DeviceView device)
        => device.Profile is null ? "none" : device.ProfileEmulated ? $"{device.Profile} (emulated)" : device.Profile;

    private static Cell StateOf(DeviceView device) => device switch
    {
        { Revoked: true } => new Cell("revoked", Tone.Bad),
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
