using System.Text.Json;
using Fleet.Agent.Children;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>
/// Carries out the agent's commands in the inference host's process. Loads run one after the other and never delay other answers.
/// </summary>
internal sealed partial class HostControl(ModelTable models, ILogger<HostControl> logger)
{
    /// <summary>Says where the host listens, then answers commands until the agent closes the channel or is gone.</summary>
    public async Task RunAsync(ChildStreams streams, string address, CancellationToken cancellationToken)
    {
        await streams.WriteAsync(new HostReply(0, Address: address), HostJson.Default.HostReply);
        var loading = Task.CompletedTask;
        await foreach (var line in JsonLines.ReadAsync(streams.Input, HostReply.MaximumBytes, cancellationToken))
        {
            var command = JsonSerializer.Deserialize(line.Span, HostJson.Default.HostCommand)!;
            if (command.Load is { } wanted)
            {
                var before = loading;
                loading = Task.Run(async () =>
                {
                    await before;
                    await streams.WriteAsync(Load(wanted) with { Id = command.Id }, HostJson.Default.HostReply);
                }, CancellationToken.None);
                continue;
            }
            if (command.Retire is { } name) models.Retire(name, command.Because);
            var statistics = command.Drain ? models.Drain() : null;
            await streams.WriteAsync(new HostReply(command.Id, Statistics: statistics), HostJson.Default.HostReply);
        }
    }

    /// <summary>Nothing serves before all have loaded.</summary>
    private HostReply Load(IReadOnlyList<ServedModel> wanted)
    {
        var loaded = new List<LoadedModel>();
        foreach (var model in wanted)
        {
            try
            {
                loaded.Add(LoadedModel.Load(model, logger));
            }
            catch (ModelRefusedException e)
            {
                foreach (var other in loaded) other.Release();
                return new HostReply(0, Error: e.Message, Refused: model.Model);
            }
        }
        models.Serve(loaded);
        foreach (var model in wanted) LogServes(model.Name());
        return new HostReply(0);
    }

    [LoggerMessage(LogLevel.Information, "{Model} is loaded and serves.")]
    private partial void LogServes(string model);
}
