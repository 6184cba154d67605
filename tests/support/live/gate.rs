//! A way to the apiserver that can be cut, which is what a restart of the apiserver looks like from outside.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// An open or closed way to the apiserver. It closes when it is dropped.
pub struct Gate {
    address: SocketAddr,
    apiserver: SocketAddr,
    open: Option<AbortHandle>,
    folder: tempfile::TempDir,
}

impl Gate {
    /// Opens a way beside that of this kubeconfig.
    pub async fn open(kubeconfig: &Path) -> Self {
        let kubeconfig = std::fs::read_to_string(kubeconfig).unwrap();
        let (_, apiserver) = kubeconfig.split_once("https://").expect("the kubeconfig names a server");
        let apiserver: SocketAddr = apiserver.split('"').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Self { address, apiserver, open: None, folder: tempfile::tempdir().unwrap() };
        std::fs::write(gate.kubeconfig(), kubeconfig.replace(&apiserver.to_string(), &address.to_string())).unwrap();
        gate.listening(listener)
    }

    /// The kubeconfig of those who go this way.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Ends all connections and refuses new ones.
    pub fn cut(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
        }
    }

    /// Accepts connections again.
    pub async fn restore(self) -> Self {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.listening(listener)
    }

    fn listening(mut self, listener: TcpListener) -> Self {
        let apiserver = self.apiserver;
        let task = tokio::spawn(async move {
            // Ends with this task.
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut server = TcpStream::connect(apiserver).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        self.open = Some(task.abort_handle());
        self
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.cut();
    }
}
