using System.Text.Json;

namespace Fleet.Cli.Tests.Commands;

/// <summary>Commands against a real server: run with its address and key, and read as text or as JSON.</summary>
public abstract class OnServerTests(RealServer server) : IDisposable
{
    internal ShellUnderTest Shell { get; } = new();

    protected RealServer Server { get; } = server;

    public virtual void Dispose()
    {
        Shell.Dispose();
        GC.SuppressFinalize(this);
    }

    protected Task<int> RunAsync(params string[] arguments)
        => Shell.RunAsync([.. arguments, "--server", Server.Api, "--key-file", Server.KeyFile]);

    protected async Task<string> TextOfAsync(params string[] arguments)
    {
        var before = Shell.Output.Length;
        Assert.True(await RunAsync(arguments) == 0, Shell.Error);
        return Shell.Output[before..];
    }

    protected async Task<JsonElement> JsonOfAsync(params string[] arguments)
    {
        using var document = JsonDocument.Parse(await TextOfAsync([.. arguments, "--json"]));
        return document.RootElement.Clone();
    }
}
