using System.Text;
using Fleet.Agent.Inference;
using Fleet.TestKit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Inference;

/// <summary>What takes much memory while it is read as JSON waits for what is being read.</summary>
public sealed class PredictTurnTests
{
    [Fact]
    public async Task Large_request_waits_for_the_one_that_is_read_and_a_small_one_does_not()
    {
        using var folder = new TemporaryFolder();
        var models = new ModelTable();
        models.Serve([LoadedModel.Load(HostFixture.Model(TestModels.Scale(folder.Path, 1)), NullLogger.Instance)]);
        using var server = new InferenceServer(models, NullLogger<InferenceServer>.Instance);
        const string Small = """{"instances":[[0,1,2]]}""";

        await server.ReadingLarge.WaitAsync();
        var large = AskAsync(server, Small.PadRight(InferenceServer.LargeRequest + 1));
        Assert.Equal(200, await AskAsync(server, Small));
        Assert.Equal(200, await AskAsync(server, Small.PadRight(InferenceServer.LargeRequest)));
        Assert.False(large.IsCompleted);
        server.ReadingLarge.Release();
        Assert.Equal(200, await large.WaitAsync(HostFixture.Deadline));

        // Nor does one that is refused keep its turn.
        Assert.Equal(400, await AskAsync(server, "{".PadRight(InferenceServer.LargeRequest + 1)));
        Assert.Equal(1, server.ReadingLarge.CurrentCount);

        // Empty lists take eight times their own bytes: a request of too many is refused before it is read as JSON.
        var lists = $$"""{"instances":[{{string.Join(',', Enumerable.Repeat("[]", InferenceServer.MostParts))}}]}""";
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(400, await AskAsync(server, lists));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 * lists.Length);
        models.Retire("m", null);
    }

    private static async Task<int> AskAsync(InferenceServer server, string request)
    {
        var context = new DefaultHttpContext
        {
            Request = { Method = "POST", Path = "/v1/models/m:predict", Body = new MemoryStream(Encoding.UTF8.GetBytes(request)) },
            Response = { Body = new MemoryStream() },
        };
        await server.AnswerAsync(context);
        return context.Response.StatusCode;
    }
}
