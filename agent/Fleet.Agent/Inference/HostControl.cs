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
            if (command.Load is { } model)
            {
                var before = loading;
                loading = Task.Run(async () =>
                {
                    await before;
                    await streams.WriteAsync(new HostReply(command.Id, Error: Load(model)), HostJson.Default.HostReply);
                }, CancellationToken.None);
                continue;
            }
            if (command.Retire is { } name) models.Retire(name);
            var statistics = command.Drain ? models.Drain() : null;
            await streams.WriteAsync(new HostReply(command.Id, Statistics: statistics), HostJson.Default.HostReply);
        }
    }

    private string? Load(ServedModel model)
    {
        try
        {
            models.Serve(LoadedModel.Load(model, logger));
            LogServes(model.Name());
            return null;
        }
        catch (ModelRefusedException e)
        {
            return e.Message;
        }
    }

    [LoggerMessage(LogLevel.Information, "{Model} is loaded and serves.")]
    private partial void LogServes(string model);
}
