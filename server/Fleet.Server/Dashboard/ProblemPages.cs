using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Dashboard;

/// <summary>Problems for people, in the frame of the other pages.</summary>
internal sealed class ProblemPages : IProblemPage
{
    /// <inheritdoc/>
    public Task<IResult> PageAsync(HttpContext context, ApiProblem problem)
    {
        context.RequestServices.GetRequiredService<PageViewer>().Set(context);
        return DashboardEndpoints.PageAsync<ProblemPage>(
            context.RequestServices, new() { [nameof(ProblemPage.Problem)] = problem }, problem.Status);
    }
}
