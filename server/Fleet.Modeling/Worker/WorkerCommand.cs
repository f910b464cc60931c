using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Torch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Fleet.Modeling.Worker;

/// <summary><c>fleet-modeling worker</c>.</summary>
internal static class WorkerCommand
{
    public static Command Create()
    {
        var server = new Option<Uri>("--server")
        {
            Description = "Address of the server's API, such as http://127.0.0.1:8080",
            Required = true,
            HelpName = "URL",
            CustomParser = Address,
        };
        var keyFile = new Option<FileInfo>("--key-file")
        {
            Description = "File with the worker's API key; the server writes keys/worker.key in its data folder",
            Required = true,
            HelpName = "FILE",
        };
        var data = new Option<DirectoryInfo>("--data")
        {
            Description = "Folder for the build in hand; each worker needs its own",
            Required = true,
            HelpName = "DIR",
        };
        var authority = new Option<FileInfo?>("--ca") { Description = "Certificate authority (PEM) of an https server", HelpName = "FILE" };
        var name = new Option<string?>("--name")
        {
            Description = "Name in the server's list of builds; the machine's and the process id when left out",
        };
        var threads = Threads();
        var command = new Command("worker", "Leases builds from a server and runs them, one at a time, until it is stopped.")
        {
            server, keyFile, data, authority, name, threads,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(keyFile) is { Exists: false } missing) result.AddError($"--key-file {missing} does not exist.");
            if (result.GetValue(name) is { } called && !Names.IsName(called)) result.AddError($"--name '{called}' must be {Names.Rule}.");
            if (result.GetValue(authority) is { Exists: false } absent) result.AddError($"--ca {absent} does not exist.");
        });
        command.SetAction((parsed, cancellationToken) =>
        {
            var options = new WorkerOptions
            {
                Server = parsed.GetRequiredValue(server),
                KeyFile = parsed.GetRequiredValue(keyFile).FullName,
                DataFolder = parsed.GetRequiredValue(data).FullName,
                CertificateAuthority = parsed.GetValue(authority)?.FullName,
                Threads = parsed.GetValue(threads),
            };
            return RunAsync(parsed.GetValue(name) is { Length: > 0 } own ? options with { Name = own } : options, cancellationToken);
        });
        return command;
    }

    /// <summary>The option of every verb that trains.</summary>
    public static Option<int> Threads() => new("--threads")
    {
        Description = "Threads of a training step, 1 to 64; more helps only where nothing else runs",
        DefaultValueFactory = _ => 1,
        CustomParser = result =>
        {
            if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var threads)
                && threads is >= 1 and <= 64)
                return threads;
            result.AddError($"--threads {result.Tokens[0].Value} must be within 1..64.");
            return 1;
        },
    };

    private static Uri? Address(ArgumentResult result)
    {
        var given = result.Tokens[0].Value;
        // The slash makes relative paths go below the address instead of beside its last part.
        if (Uri.TryCreate(given.TrimEnd('/') + "/", UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
            return address;
        result.AddError($"--server {given} is not an address; it must begin with http:// or https://.");
        return null;
    }

    private static async Task<int> RunAsync(WorkerOptions options, CancellationToken cancellationToken)
    {
        NativeEnvironment.Prepare(options.Threads);
        using var folder = new WorkFolder(options.DataFolder);
        using var server = new FleetServer(options);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.AddSimpleConsole(console => (console.SingleLine, console.ColorBehavior) = (true, LoggerColorBehavior.Disabled));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.AddSingleton(options).AddSingleton(folder).AddSingleton(server)
            .AddSingleton(TimeProvider.System).AddSingleton<LeaseKeeper>().AddSingleton<IHostLifetime, StopLifetime>();
        builder.Services.AddHostedService<StarterWatch>().AddHostedService<BuildWorker>();
        // A training step ends within this; what does not is ended with the process.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(8));
        using var host = builder.Build();
        await host.RunAsync(cancellationToken);
        return Environment.ExitCode;
    }
}
